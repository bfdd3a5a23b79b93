// Work shared among threads that live only as long as one call, so that a forked process inherits none.
#pragma once

#include <cstddef>
#include <functional>

namespace nearmost {

// Asked about ten times a second from the calling thread; false stops the work.
using Poll = std::function<bool(size_t done, size_t total)>;

// Work that takes long asks this now and then, and returns early where it says false.
using GoOn = std::function<bool()>;

// Hardware threads where asked is 0.
int threads_for(int asked);

// Calls work(item, go_on) once for each item below n, on up to n_threads threads, the calling one among them.
// Returns false where poll stopped it. An exception in work stops the rest and is thrown again here.
bool parallel_for(size_t n, int n_threads, const Poll& poll,
                  const std::function<void(size_t item, const GoOn& go_on)>& work);

}  // namespace nearmost
