#!/bin/sh
# Builds peers.so, the kernels that quikc is measured against, from checkouts of
# the peers. Needs nvcc 13.0 with its headers, and g++; no GPU and no PyTorch.
#
# usage: NVCC=<nvcc> [ARCHS="90 80"] build-peers.sh <quik> <marlin> <cutlass> <out.so>
#   <quik>     QUIK, branch mlsys24 (64d6797)
#   <marlin>   Marlin (2f6d7c1)
#   <cutlass>  CUTLASS, 4.7 or any release with the 2.x GEMM interface
set -eu

if [ $# -ne 4 ]; then
  sed -n '5,8p' "$0" >&2
  exit 2
fi
quik=$1 marlin=$2 cutlass=$3 out=$4
here=$(cd "$(dirname "$0")" && pwd)
nvcc=${NVCC:-nvcc}

if ! grep -q quantizeCUDAKernel2 "$quik/src/asymmetric/asymmetric.cu"; then
  echo "build-peers: $quik is not QUIK's branch mlsys24, whose quantiser feeds the fused epilogue" >&2
  exit 1
fi

gencode=
for arch in ${ARCHS:-90 80}; do
  gencode="$gencode -gencode arch=compute_$arch,code=sm_$arch"
done
objects=$(mktemp -d)
trap 'rm -rf "$objects"' EXIT

# The wheels of the toolkit keep the static runtime in lib, where nvcc does not
# look.
library_folder=$(dirname "$(dirname "$(command -v "$nvcc")")")/lib

# shellcheck disable=SC2086
"$nvcc" -c -O3 -std=c++17 -Xcompiler -fPIC --expt-relaxed-constexpr $gencode -I"$marlin" \
  -o "$objects/marlin.o" "$here/peers-marlin.cu"
# The macros are those of QUIK's own build; without them an assignment in its
# reduction is ambiguous.
# shellcheck disable=SC2086
"$nvcc" -c -O3 -std=c++17 -Xcompiler -fPIC --expt-relaxed-constexpr $gencode \
  -DCUDA_HAS_FP16=1 -D__CUDA_NO_HALF_OPERATORS__ -D__CUDA_NO_HALF_CONVERSIONS__ \
  -D__CUDA_NO_HALF2_OPERATORS__ -D__CUDA_NO_BFLOAT16_CONVERSIONS__ \
  -I"$here/stub" -I"$quik" -I"$quik/include" -I"$cutlass/include" \
  -o "$objects/quik.o" "$here/peers-quik.cu"
# shellcheck disable=SC2086
"$nvcc" -shared -cudart static $gencode -L"$library_folder" -o "$out" \
  "$objects/marlin.o" "$objects/quik.o"
