#include "kernels.h"

#include <cstdlib>
#include <cstring>

#if defined(NEARMOST_X86) && defined(__linux__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace nearmost {
namespace {

// Whether there are integer tiles, and the system lets this process use their registers.
bool amx_granted() {
#if defined(NEARMOST_X86) && defined(__linux__)
  constexpr unsigned tile = 1u << 24, int8 = 1u << 25;
  constexpr long request_permission = 0x1023, tile_data = 18;
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (d & tile) != 0 && (d & int8) != 0 &&
         syscall(SYS_arch_prctl, request_permission, tile_data) == 0;
#else
  return false;
#endif
}

const Kernels& choose() {
  const char* asked = std::getenv("NEARMOST_ISA");
  auto wanted = [asked](const char* name) { return asked == nullptr || std::strcmp(asked, name) == 0; };
#ifdef NEARMOST_X86
  __builtin_cpu_init();  // whatever has AVX2 has F16C too, for which not every compiler knows the question
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("sse4.2");
  const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
                      __builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("avx512vpopcntdq");
  static const Kernels amx = amx_kernels();
  if (avx512 && wanted("amx") && amx_granted()) return amx;
  if (avx512 && (wanted("avx512") || wanted("amx"))) return kAvx512Kernels;
  if (avx2 && (wanted("avx2") || wanted("avx512") || wanted("amx"))) return kAvx2Kernels;
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
