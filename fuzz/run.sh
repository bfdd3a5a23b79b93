#!/bin/sh
# Fuzzes the readers of untrusted arrays: fuzz/run.sh [SECONDS [ISA]]. Needs clang with libFuzzer
# (Debian: clang-14 and libclang-rt-14-dev).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
core=${NEARMOST_CORE:-$here/../core}
build=${NEARMOST_FUZZ_BUILD:-$here/../build/fuzz}
clang=$(command -v clang++ || command -v clang++-14) || { echo "no clang++: apt-get install clang-14 libclang-rt-14-dev"; exit 1; }
mkdir -p "$build/corpus"
checks="-fsanitize=fuzzer-no-link,address,undefined,float-cast-overflow -fno-sanitize-recover=all"
common="-std=c++20 -O2 -g -ffp-contract=off -I$core $checks"
objects=
compile() {  # source, more flags
  source=$1; shift
  object=$build/$(basename "$source" .cpp).o
  "$clang" $common "$@" -c "$source" -o "$object"
  objects="$objects $object"
}
case $(uname -m) in
  x86_64)
    common="$common -DNEARMOST_X86"
    avx2="-mavx2 -mfma -mf16c -msse4.2"
    compile "$core/kernels_avx2.cpp" $avx2
    avx512="$avx2 -mavx512f -mavx512bw -mavx512vl -mavx512dq -mavx512vnni -mavx512vpopcntdq"
    compile "$core/kernels_avx512.cpp" $avx512
    compile "$core/kernels_amx.cpp" $avx512 -mamx-tile -mamx-int8
    ;;
esac
for source in kernels kernels_generic pack query scan flat among keys parallel frame panels partition partitions graph textrows records; do compile "$core/$source.cpp"; done
compile "$here/readers.cpp"
"$clang" $common -fsanitize=fuzzer $objects -lpthread -o "$build/readers"
[ -n "${2:-}" ] && export NEARMOST_ISA="$2"
exec "$build/readers" -max_total_time="${1:-60}" -max_len=4096 -timeout=10 -print_final_stats=1 \
  -len_control=10 -artifact_prefix="$build/" "$build/corpus"
