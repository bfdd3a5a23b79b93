#include "kernels.h"

#include <cstdlib>
#include <cstring>

namespace nearmost {
namespace {

const Kernels& choose() {
  const char* asked = std::getenv("NEARMOST_ISA");
  auto wanted = [asked](const char* name) { return asked == nullptr || std::strcmp(asked, name) == 0; };
#ifdef NEARMOST_X86
  __builtin_cpu_init();
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("sse4.2");
  const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
                      __builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("avx512vpopcntdq");
  if (avx512 && wanted("avx512")) return kAvx512Kernels;
  if (avx2 && (wanted("avx2") || wanted("avx512"))) return kAvx2Kernels;
#endif
  (void)wanted;
  return kGenericKernels;
}

}  // namespace

const Kernels& kernels() {
  static const Kernels& chosen = choose();
  return chosen;
}

}  // namespace nearmost
