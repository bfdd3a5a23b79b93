#!/bin/sh
# Builds nearmost with AddressSanitizer and UndefinedBehaviorSanitizer and opens COUNT damaged files, ours and Annoy's, with it; then builds
# it with ThreadSanitizer and searches from many threads: tests/reliability/sanitize.sh [COUNT [WORKERS]]
#
# Each build lives in a virtual environment of its own under $NEARMOST_SANITIZE_BUILD (default: build/sanitize), since an
# editable install would get in its way. Fails where a sanitizer reports anything.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=${NEARMOST_SOURCE:-$here/../..}
build=${NEARMOST_SANITIZE_BUILD:-$here/../../build/sanitize}
export PYTHONDONTWRITEBYTECODE=1

make() {  # name, sanitizers
  mkdir -p "$build"
  [ -d "$build/$1" ] || python3 -m venv "$build/$1"
  "$build/$1/bin/pip" install -q "scikit-build-core>=0.11" "nanobind>=2.4" cmake ninja "numpy>=1.26"
  "$build/$1/bin/pip" install -q --no-build-isolation --no-deps --force-reinstall \
    -C build-dir="$build/$1/objects" -C cmake.define.NEARMOST_SANITIZE="$2" -C cmake.build-type=RelWithDebInfo "$root"
}

make memory address,undefined
LD_PRELOAD=$(gcc -print-file-name=libasan.so):$(gcc -print-file-name=libubsan.so) \
  ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 \
  "$build/memory/bin/python" "$here/damage.py" --count "${1:-100000}" --workers "${2:-2}"
LD_PRELOAD=$(gcc -print-file-name=libasan.so):$(gcc -print-file-name=libubsan.so) \
  ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 \
  "$build/memory/bin/python" "$here/damage_forests.py" --count "${1:-100000}" --workers "${2:-2}"

make threads thread
rm -f "$build"/report.*
LD_PRELOAD=$(gcc -print-file-name=libtsan.so) TSAN_OPTIONS=log_path="$build/report":exitcode=66 \
  "$build/threads/bin/python" "$here/threads.py" --rounds 60
echo "ThreadSanitizer reports: $(cat "$build"/report.* 2>/dev/null | grep -c WARNING || true)"
