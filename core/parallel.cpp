#include "parallel.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace nearmost {
namespace {

constexpr auto kBetweenPolls = std::chrono::milliseconds(100);

struct Shared {
  std::atomic<size_t> next{0}, done{0};
  std::atomic<bool> stop{false};
  std::atomic_flag failed = ATOMIC_FLAG_INIT;
  std::exception_ptr error;
  std::mutex mutex;
  std::condition_variable one_ended;
  size_t ended = 0;  // of the other threads
};

using Work = std::function<void(size_t, const GoOn&)>;

void take_items(Shared& shared, size_t n, const Work& work, const GoOn& go_on) {
  try {
    while (go_on()) {
      const size_t item = shared.next.fetch_add(1, std::memory_order_relaxed);
      if (item >= n) return;
      work(item, go_on);
      shared.done.fetch_add(1, std::memory_order_relaxed);
    }
  } catch (...) {
    if (!shared.failed.test_and_set()) shared.error = std::current_exception();
    shared.stop = true;
  }
}

}  // namespace

int threads_for(int asked) {
  if (asked > 0) return asked;
  return std::max(1, int(std::thread::hardware_concurrency()));
}

bool parallel_for(size_t n, int n_threads, const Poll& poll, const Work& work) {
  if (n == 0) return true;
  Shared shared;
  std::vector<std::thread> others;
  const size_t n_others = std::min(size_t(threads_for(n_threads)), n) - 1;
  try {
    others.reserve(n_others);
    for (size_t i = 0; i < n_others; ++i)
      others.emplace_back([&] {
        take_items(shared, n, work, [&] { return !shared.stop; });
        const std::lock_guard lock(shared.mutex);
        ++shared.ended;
        shared.one_ended.notify_one();
      });
  } catch (const std::exception&) {  // no more threads to be had: those that started, and this one, do it all
  }
  bool stopped = false, asked = false;
  auto last = std::chrono::steady_clock::now();
  const GoOn ask = [&] {
    const auto now = std::chrono::steady_clock::now();
    if (poll && now - last >= kBetweenPolls) {
      last = now;
      asked = true;
      if (!poll(shared.done, n)) stopped = shared.stop = true;
    }
    return !shared.stop;
  };
  take_items(shared, n, work, ask);
  for (std::unique_lock lock(shared.mutex); shared.ended < others.size();) {
    shared.one_ended.wait_for(lock, kBetweenPolls);
    lock.unlock();  // asking takes the interpreter's lock, and may take long
    ask();
    lock.lock();
  }
  for (std::thread& other : others) other.join();
  if (shared.error) std::rethrow_exception(shared.error);
  if (asked && !stopped && !poll(n, n)) stopped = true;  // whoever watches is shown the end
  return !stopped;
}

}  // namespace nearmost
