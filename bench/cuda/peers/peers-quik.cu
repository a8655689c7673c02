// QUIK's INT8 and INT4 linear behind a plain C interface.
//
// Theirs, compiled unchanged from the folder given at build time (branch
// mlsys24, the only one whose quantiser feeds the fused epilogue): the kernels
// quantizeCUDAKernel2 (split min/max, quantise, pack, copy outliers),
// quantizeCUDAKernel and dequantizationKernel of src/asymmetric/asymmetric.cu,
// the GEMM with dequantising epilogue of include/asymmetric/, and CUTLASS.
//
// Ours: this file and stub/. The launchers use QUIK's grid formulas and QUIK's
// template arguments (CUTLASS' default tiles, arch tag Sm80); they differ from
// QUIK's host functions in taking a stream and preallocated buffers, which a
// CUDA graph needs and QUIK's functions do not offer.
#include <cuda_runtime.h>

#include "src/asymmetric/asymmetric.cu"

#include "asymmetric/gemm/device/gemm_dequant.h"
#include "cutlass/gemm/device/gemm.h"

namespace {

using Half = torch::Half;
using CutlassHalf = cutlass::half_t;

// Above every cutlass::Status, so that one int carries both kinds of error.
constexpr int kCudaErrorBase = 1000;
constexpr int kBadBits = 900;

int last_cuda_error() {
  cudaError_t error = cudaGetLastError();
  return error == cudaSuccess ? 0 : kCudaErrorBase + static_cast<int>(error);
}

// QUIK's grid: enough threads for every element, divided by `strides`.
unsigned quik_blocks(unsigned elements, unsigned threads, unsigned strides) {
  unsigned per_block = threads * strides;
  unsigned blocks = (elements + per_block - 1) / per_block;
  return blocks > 16 ? blocks : 16;
}

unsigned quik_threads(unsigned elements) {
  return elements < QUIK::asymmetric::MAX_NUMTHREADS
             ? elements
             : QUIK::asymmetric::MAX_NUMTHREADS;
}

template <typename Element>
using FusedGemm = cutlass::gemm::device::asymmetric::GemmDequant<
    Element, cutlass::layout::RowMajor, Element, cutlass::layout::ColumnMajor,
    CutlassHalf, cutlass::layout::RowMajor, int32_t,
    cutlass::arch::OpClassTensorOp, cutlass::arch::Sm80>;

template <typename Element>
using PlainGemm = cutlass::gemm::device::Gemm<
    Element, cutlass::layout::RowMajor, Element, cutlass::layout::ColumnMajor,
    int32_t, cutlass::layout::RowMajor, int32_t, cutlass::arch::OpClassTensorOp,
    cutlass::arch::Sm80>;

CutlassHalf* halves(const void* p) {
  return const_cast<CutlassHalf*>(static_cast<const CutlassHalf*>(p));
}

template <typename Element>
int fused(const void* a, const void* b, const void* scale_row,
          const void* scale_col, const void* zero_row, const void* w_reduced,
          const void* y, void* d, int m, int n, int k, float shift,
          cudaStream_t stream) {
  using Gemm = FusedGemm<Element>;
  typename Gemm::Arguments arguments{
      {m, n, k},
      {static_cast<const Element*>(a), k},
      {static_cast<const Element*>(b), k},
      {halves(y), n},
      {halves(d), n},
      {halves(scale_col), n},
      {halves(scale_row), m},
      {halves(zero_row), m},
      {halves(w_reduced), n},
      typename Gemm::ElementC(shift)};
  Gemm gemm;
  return static_cast<int>(gemm(arguments, nullptr, stream));
}

template <typename Element>
int plain(const void* a, const void* b, void* c, int m, int n, int k,
          cudaStream_t stream) {
  using Gemm = PlainGemm<Element>;
  typename Gemm::Arguments arguments{{m, n, k},
                                     {static_cast<const Element*>(a), k},
                                     {static_cast<const Element*>(b), k},
                                     {static_cast<int32_t*>(c), n},
                                     {static_cast<int32_t*>(c), n},
                                     {1, 0}};
  Gemm gemm;
  return static_cast<int>(gemm(arguments, nullptr, stream));
}

template <typename Storage, int Bits>
void launch_quantize_split(const void* x, const long* int_indices,
                           const long* fp_indices, void* q, void* zeros,
                           void* scales, void* fp_x, unsigned rows,
                           unsigned cols, unsigned num_int, unsigned num_fp,
                           unsigned strides, cudaStream_t stream) {
  unsigned threads = quik_threads(rows * cols);
  unsigned blocks = quik_blocks(rows * cols, threads, strides);
  QUIK::asymmetric::quantizeCUDAKernel2<Storage, Half, Bits>
      <<<blocks, threads, 2 * threads * sizeof(Half), stream>>>(
          static_cast<Storage*>(q), static_cast<Half*>(zeros),
          static_cast<Half*>(scales), static_cast<Half*>(fp_x),
          static_cast<const Half*>(x), int_indices, fp_indices, rows, cols,
          num_int, num_fp);
}

template <typename Storage, int Bits>
void launch_quantize_meta(const void* x, const long* int_indices,
                          const long* fp_indices, void* q, void* meta,
                          void* fp_x, unsigned rows, unsigned cols,
                          unsigned num_int, unsigned num_fp, unsigned strides,
                          cudaStream_t stream) {
  unsigned threads = quik_threads(rows * cols);
  unsigned blocks = quik_blocks(rows * cols, threads, strides);
  QUIK::asymmetric::quantizeCUDAKernel<Storage, Half, Bits>
      <<<blocks, threads, 2 * threads * sizeof(Half), stream>>>(
          static_cast<Storage*>(q), static_cast<Half*>(meta),
          static_cast<Half*>(fp_x), static_cast<const Half*>(x), int_indices,
          fp_indices, rows, cols, num_int, num_fp);
}

}  // namespace

extern "C" {

// Splits and quantises x [rows, num_int + num_fp] fp16, for the fused epilogue.
// q: [rows, num_int] int8, or [rows, num_int / 2] bytes; zeros, scales: [rows]
// fp16; fp_x: [rows, num_fp] fp16; the index lists are int64 on the device.
// strides: QUIK's NUM_STRIDES_PER_THREAD_QUANTIZE, 1 by default.
int quik_quantize_split(const void* x, const void* int_indices,
                        const void* fp_indices, void* q, void* zeros,
                        void* scales, void* fp_x, int rows, int num_int,
                        int num_fp, int bits, int strides, void* stream) {
  auto s = static_cast<cudaStream_t>(stream);
  auto ints = static_cast<const long*>(int_indices);
  auto fps = static_cast<const long*>(fp_indices);
  if (bits == 4)
    launch_quantize_split<Int4Storage, 4>(x, ints, fps, q, zeros, scales, fp_x,
                                          rows, num_int + num_fp, num_int,
                                          num_fp, strides, s);
  else if (bits == 8)
    launch_quantize_split<int8_t, 8>(x, ints, fps, q, zeros, scales, fp_x, rows,
                                     num_int + num_fp, num_int, num_fp, strides,
                                     s);
  else
    return kBadBits;
  return last_cuda_error();
}

// As above, for the separate dequantisation: meta is [rows, 2] fp16 (scale,
// zero).
int quik_quantize_meta(const void* x, const void* int_indices,
                       const void* fp_indices, void* q, void* meta, void* fp_x,
                       int rows, int num_int, int num_fp, int bits, int strides,
                       void* stream) {
  auto s = static_cast<cudaStream_t>(stream);
  auto ints = static_cast<const long*>(int_indices);
  auto fps = static_cast<const long*>(fp_indices);
  if (bits == 4)
    launch_quantize_meta<Int4Storage, 4>(x, ints, fps, q, meta, fp_x, rows,
                                         num_int + num_fp, num_int, num_fp,
                                         strides, s);
  else if (bits == 8)
    launch_quantize_meta<int8_t, 8>(x, ints, fps, q, meta, fp_x, rows,
                                    num_int + num_fp, num_int, num_fp, strides,
                                    s);
  else
    return kBadBits;
  return last_cuda_error();
}

// d [m, n] fp16 = dequantised a [m, k] x b [n, k], plus y [m, n] fp16.
// k counts elements: a multiple of 16 for 8 bits, of 32 for 4; n of 8.
// QUIK's epilogue computes in fp16: an accumulator above 65504 gives infinity.
int quik_gemm_fused(const void* a, const void* b, const void* scale_row,
                    const void* scale_col, const void* zero_row,
                    const void* w_reduced, const void* y, void* d, int m, int n,
                    int k, int bits, void* stream) {
  auto s = static_cast<cudaStream_t>(stream);
  if (bits == 4)
    return fused<cutlass::int4b_t>(a, b, scale_row, scale_col, zero_row,
                                   w_reduced, y, d, m, n, k, 8.0f, s);
  if (bits == 8)
    return fused<int8_t>(a, b, scale_row, scale_col, zero_row, w_reduced, y, d,
                         m, n, k, 128.0f, s);
  return kBadBits;
}

// c [m, n] int32 = a [m, k] x b [n, k].
int quik_gemm_int32(const void* a, const void* b, void* c, int m, int n, int k,
                    int bits, void* stream) {
  auto s = static_cast<cudaStream_t>(stream);
  if (bits == 4) return plain<cutlass::int4b_t>(a, b, c, m, n, k, s);
  if (bits == 8) return plain<int8_t>(a, b, c, m, n, k, s);
  return kBadBits;
}

// d [m, n] fp16 = dequantised c [m, n] int32, plus y; in fp32. Of d and y the
// kernel reads and writes the same element, but is told that they do not alias.
int quik_dequantize(const void* c, const void* meta, const void* scale_col,
                    const void* w_reduced, const void* y, void* d, int m, int n,
                    int bits, int strides, void* stream) {
  if (bits != 4 && bits != 8) return kBadBits;
  unsigned elements = static_cast<unsigned>(m) * static_cast<unsigned>(n);
  unsigned threads = quik_threads(elements);
  unsigned blocks = quik_blocks(elements, threads, strides);
  QUIK::asymmetric::dequantizationKernel<Half>
      <<<blocks, threads, 0, static_cast<cudaStream_t>(stream)>>>(
          static_cast<Half*>(d), static_cast<const int*>(c),
          static_cast<const Half*>(meta), static_cast<const Half*>(scale_col),
          static_cast<const Half*>(w_reduced), static_cast<const Half*>(y), m, n,
          bits == 4 ? 8.0f : 128.0f);
  return last_cuda_error();
}

}  // extern "C"
