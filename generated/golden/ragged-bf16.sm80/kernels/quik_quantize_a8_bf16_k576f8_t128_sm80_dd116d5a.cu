// quik_quantize_a8_bf16_k576f8_t128_sm80_dd116d5a
// Each row of x is put through its prologue and rounded; its outlier columns are copied out, its base columns
// quantised with a scale and a minimum of their own. x is read once.
// serves     proj (a8, 8 outlier columns, bf16)
// why        M 1-64: 2.4 us at M = 64, 2 % of the roofline; modelled on A100-SXM4-80GB
// why        of 3 legal schedules; next best 2.7 us: 64 threads
// made by    quikc <version>, templates <digest>, spec dd116d5a2279
#include <cstdint>

// ---- The problem ---------------------------------------------------------------------------------
constexpr int kColumns = 576;  // input features of a row
constexpr int kOutliers = 8;  // of them kept in bf16; which ones is data
constexpr int kBaseColumns = 568;  // of them quantised
constexpr int kBits = 8;  // of a code
constexpr float kLevels = 255.0f;  // 2^kBits - 1: the largest code before 2^(kBits - 1) is taken off

// ---- Layouts: a row of codes is padded to segments of 256 bits with code 0, outliers to 16 with value 0 ----
constexpr int kPaddedBase = (kBaseColumns + 32 - 1) / 32 * 32;
constexpr int kPaddedOutliers = (kOutliers + 16 - 1) / 16 * 16;
constexpr int kCodesPerWord = 32 / kBits;  // codes in order of column, low bits first
constexpr int kVector = 8;  // values loaded at once: the most that keeps rows aligned
using Vector = uint4;
using Word = uint2;  // the staged values of a word of codes

// ---- The schedule: one CTA a row -----------------------------------------------------------------
constexpr int kThreads = 128;
constexpr int kWarps = kThreads / 32;
constexpr int kVectorsPerThread = (kColumns / kVector + kThreads - 1) / kThreads;
constexpr int kSharedBytes = 1216;  // what the caller must pass: staged row, then outlier columns
static_assert(kPaddedBase * 2 + kPaddedOutliers * 4 <= kSharedBytes, "row and column list fit");

// bf16 is the upper half of an FP32.
__device__ __forceinline__ float to_float(uint16_t bits) { return __uint_as_float(static_cast<uint32_t>(bits) << 16); }

__device__ __forceinline__ uint16_t from_float(float value) {  // to nearest even
  uint16_t bits;
  asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(bits) : "f"(value));
  return bits;
}

// Element e of a vector of 16-bit values.
template <typename Values>
__device__ __forceinline__ float widen(const Values& values, int e) {
  return to_float(reinterpret_cast<const uint16_t*>(&values)[e]);
}

// Unlike fminf, a NaN on either side wins: it must reach the row's meta.
__device__ __forceinline__ float min_nan(float a, float b) {
  asm("min.NaN.f32 %0, %0, %1;" : "+f"(a) : "f"(b));
  return a;
}

// One value of all threads of the CTA, combined in a fixed order; `scratch` is not reused afterwards.
template <typename Op>
__device__ __forceinline__ float reduce(float value, Op op, float (&scratch)[kWarps]) {
#pragma unroll
  for (int step = 16; step > 0; step /= 2) value = op(value, __shfl_xor_sync(0xffffffffu, value, step));
  if (threadIdx.x % 32 == 0) scratch[threadIdx.x / 32] = value;
  __syncthreads();  // all warps' values are in scratch, and whatever else was written before
  value = scratch[threadIdx.x % kWarps];
#pragma unroll
  for (int step = kWarps / 2; step > 0; step /= 2) value = op(value, __shfl_xor_sync(0xffffffffu, value, step));
  return value;
}

// ---- Kernel: grid M, one row a CTA -----------------------------------------------------------------
extern "C" __global__ void __launch_bounds__(kThreads)  // bounds registers
    quik_quantize_a8_bf16_k576f8_t128_sm80_dd116d5a(
        const uint8_t* __restrict__ x,  // [M][kColumns] bf16
        const int* __restrict__ outlier_columns,  // [kOutliers], ascending
        uint32_t* __restrict__ codes,  // [M][kPaddedBase / kCodesPerWord]
        float2* __restrict__ row_meta,  // [M] {scale, minimum}; {NaN, NaN} if a base value is not finite
        uint16_t* __restrict__ outlier_rows,  // [M][kPaddedOutliers] bf16
        int M) {
  extern __shared__ uint4 shared_memory[];
  __shared__ float scratch[3][kWarps];
  uint16_t* staged = reinterpret_cast<uint16_t*>(shared_memory);  // [kPaddedBase], base columns in order
  int* listed = reinterpret_cast<int*>(staged + kPaddedBase);  // [kOutliers], a copy of outlier_columns
  const int thread = threadIdx.x, row = blockIdx.x;

  // fetch: kVector neighbouring values of this row.
  using Raw = Vector;
  const auto fetch = [&](int column) {
    return *reinterpret_cast<const Vector*>(x + (static_cast<int64_t>(row) * kColumns + column) * 2);
  };

  // load: the whole row, once, into registers.
  Raw raw[kVectorsPerThread];
#pragma unroll
  for (int i = 0; i < kVectorsPerThread; ++i) {
    const int column = (i * kThreads + thread) * kVector;
    if (column < kColumns) raw[i] = fetch(column);
  }
  for (int f = thread; f < kOutliers; f += kThreads) listed[f] = outlier_columns[f];
  for (int j = kBaseColumns + thread; j < kPaddedBase; j += kThreads) staged[j] = 0;
  __syncthreads();  // the column list is complete

  // prologue: the value as it is.
  const auto value = [&](const Raw& values, int /*column*/, int e) { return widen(values, e); };

  // split: outlier columns go out as they are, base columns to shared memory, closing ranks.
  const float infinity = __int_as_float(0x7f800000);
  float least = infinity, most_negated = infinity;
  uint16_t* outlier_row = outlier_rows + static_cast<int64_t>(row) * kPaddedOutliers;
#pragma unroll
  for (int i = 0; i < kVectorsPerThread; ++i) {
    const int first = (i * kThreads + thread) * kVector;
    if (first >= kColumns) break;
    int rank = 0;  // outlier columns before `first`: binary search
    for (int step = 8; step > 0; step /= 2) {
      if (rank + step <= kOutliers && listed[rank + step - 1] < first) rank += step;
    }
#pragma unroll
    for (int e = 0; e < kVector; ++e) {
      const uint16_t bits = from_float(value(raw[i], first + e, e));
      const bool is_outlier = rank < kOutliers && listed[rank] == first + e;
      if (is_outlier) {
        outlier_row[rank++] = bits;
      } else {
        least = min_nan(least, to_float(bits));
        most_negated = min_nan(most_negated, -to_float(bits));
      }
      if (!is_outlier) staged[first + e - rank] = bits;
    }
  }
  for (int f = kOutliers + thread; f < kPaddedOutliers; f += kThreads) outlier_row[f] = 0;

  // range: x = code * scale + zero-point term; a range that is not finite poisons the row.
  const float minimum = kBaseColumns > 0 ? reduce(least, min_nan, scratch[0]) : 0.0f;
  const float range = kBaseColumns > 0 ? -reduce(most_negated, min_nan, scratch[1]) - minimum : 0.0f;
  const bool finite = range < infinity;
  const float scale = fmaxf(__fdiv_rn(range, kLevels), 0x1p-64f);
  const float inverse = __frcp_rn(scale);
  if (thread == 0) {
    const float nan = __int_as_float(0x7fffffff);
    row_meta[row] = finite ? make_float2(scale, minimum) : make_float2(nan, nan);
  }

  // quantise: rne((x - minimum) / scale), clamped, minus 2^(kBits - 1); one word of codes at a time.
  uint32_t* code_row = codes + static_cast<int64_t>(row) * (kPaddedBase / kCodesPerWord);
  for (int word = thread; word < kPaddedBase / kCodesPerWord; word += kThreads) {
    const Word values = reinterpret_cast<const Word*>(staged)[word];
    uint32_t packed = 0;
#pragma unroll
    for (int e = 0; e < kCodesPerWord; ++e) {
      const int column = word * kCodesPerWord + e;
      const float level = (widen(values, e) - minimum) * inverse;
      const int code = __float2int_rn(fminf(fmaxf(level, 0.0f), kLevels)) - (1 << (kBits - 1));
      const uint32_t kept = column < kBaseColumns ? code & ((1u << kBits) - 1) : 0;
      packed |= kept << (kBits * e);
    }
    code_row[word] = packed;
  }
}
