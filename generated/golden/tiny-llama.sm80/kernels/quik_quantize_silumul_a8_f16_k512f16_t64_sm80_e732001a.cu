// quik_quantize_silumul_a8_f16_k512f16_t64_sm80_e732001a
// Each row of x is put through its prologue and rounded; its outlier columns are copied out, its base columns
// quantised with a scale and a minimum of their own. x is read once.
// serves     layers.0-3.mlp.down_proj (a8, 16 outlier columns, f16)
// why        any M: modelled 2.9 us at M = 2048, 91 % of the roofline: DRAM 2.6, issue 2.6 us
// why        best on A100-SXM4-80GB of 23 legal schedules; next 2.9 us: 32 threads c24
// made by    quikc <version>, templates <digest>, spec e732001a9079
#include <cstdint>

// ---- The problem ---------------------------------------------------------------------------------
constexpr int kColumns = 512;  // input features of a row
constexpr int kOutliers = 16;  // of them kept in f16; which ones is data
constexpr int kBaseColumns = 496;  // of them quantised
constexpr int kBits = 8;  // of a code
constexpr float kLevels = 255.0f;  // 2^kBits - 1: the largest code before 2^(kBits - 1) is taken off
constexpr float kLeastScale = 0x1p-64f;  // of a row whose values are all equal: they come back through its minimum

// ---- Layouts: a row of codes is padded to segments of 256 bits with code 0, outliers to 16 with value 0 ----
constexpr int kPaddedBase = (kBaseColumns + 32 - 1) / 32 * 32;
constexpr int kPaddedOutliers = (kOutliers + 16 - 1) / 16 * 16;
constexpr int kCodesPerWord = 32 / kBits;  // codes in order of column, low bits first
constexpr uint32_t kTopBits = 0x80808080u;  // of every code of a word
constexpr int kVector = 8;  // values loaded at once: the most that keeps rows aligned
using Vector = uint4;
using Word = uint2;  // the staged values of a word of codes

// ---- The schedule: one CTA a row -----------------------------------------------------------------
constexpr int kThreads = 64;
constexpr int kCtasPerSm = 24;  // at least so many are resident at once: bounds registers
constexpr int kWarps = kThreads / 32;
constexpr int kVectorsPerThread = (kColumns / kVector + kThreads - 1) / kThreads;
constexpr int kColumnWords = (kColumns + 32 - 1) / 32;  // of 32 columns, a bit each
constexpr int kStaged = kPaddedBase + kPaddedOutliers;  // values of a row, sorted into base and outlier columns
constexpr int kSharedBytes = 1188;  // what the caller must pass: staged row, then two lists of column words
static_assert(kStaged * 2 + (2 * kColumnWords + 1) * 4 <= kSharedBytes, "row and lists fit");

__device__ __forceinline__ float to_float(uint16_t bits) {
  float value;
  asm("cvt.f32.f16 %0, %1;" : "=f"(value) : "h"(bits));
  return value;
}

__device__ __forceinline__ uint16_t from_float(float value) {  // to nearest even
  uint16_t bits;
  asm("cvt.rn.f16.f32 %0, %1;" : "=h"(bits) : "f"(value));
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
  __syncthreads();  // all warps' values are in scratch, and what they staged before is complete
  value = scratch[threadIdx.x % kWarps];
#pragma unroll
  for (int step = kWarps / 2; step > 0; step /= 2) value = op(value, __shfl_xor_sync(0xffffffffu, value, step));
  return value;
}

// ---- Kernel: grid M, one row a CTA -----------------------------------------------------------------
extern "C" __global__ void __launch_bounds__(kThreads, kCtasPerSm)  // bounds registers
    quik_quantize_silumul_a8_f16_k512f16_t64_sm80_e732001a(
        const uint8_t* __restrict__ x,  // [M][2][kColumns] f16
        const int* __restrict__ outlier_columns,  // [kOutliers], ascending
        uint32_t* __restrict__ codes,  // [M][kPaddedBase / kCodesPerWord]
        float2* __restrict__ row_meta,  // [M] {scale, minimum}; {NaN, NaN} if a base value is not finite
        uint4* __restrict__ outlier_rows,  // [M][kPaddedOutliers] f16
        int M) {  // rows; the grid says as much
  extern __shared__ uint4 shared_memory[];
  __shared__ float scratch[3][kWarps];
  uint16_t* staged = reinterpret_cast<uint16_t*>(shared_memory);  // [kStaged], base columns, then outliers
  int* before = reinterpret_cast<int*>(staged + kStaged);  // [kColumnWords + 1], outliers before a word's columns
  uint32_t* marked = reinterpret_cast<uint32_t*>(before + kColumnWords + 1);  // [kColumnWords], bits of the outliers
  const int thread = threadIdx.x, row = blockIdx.x;

  // fetch: kVector neighbouring values of both halves of this row, [gate | up].
  struct Raw {
    Vector gate, up;
  };
  const auto fetch = [&](int column) {
    const uint8_t* gate = x + (static_cast<int64_t>(row) * (2 * kColumns) + column) * 2;
    return Raw{*reinterpret_cast<const Vector*>(gate), *reinterpret_cast<const Vector*>(gate + kColumns * 2)};
  };

  // load: the whole row, once, into registers.
  Raw raw[kVectorsPerThread];
#pragma unroll
  for (int i = 0; i < kVectorsPerThread; ++i) {
    const int column = (i * kThreads + thread) * kVector;
    if (column < kColumns) raw[i] = fetch(column);
  }
  for (int j = kBaseColumns + thread; j < kPaddedBase; j += kThreads) staged[j] = 0;
  for (int j = kPaddedBase + kOutliers + thread; j < kStaged; j += kThreads) staged[j] = 0;

  // mark: outlier f tells the words from its predecessor's up to its own that f outliers come before them.
  for (int f = thread; f <= kOutliers; f += kThreads) {
    const int from = f == 0 ? 0 : outlier_columns[f - 1] / 32 + 1;
    const int to = f == kOutliers ? kColumnWords : outlier_columns[f] / 32;
    for (int word = from; word <= to; ++word) before[word] = f;
  }
  __syncthreads();  // `before` is complete
  for (int word = thread; word < kColumnWords; word += kThreads) {
    uint32_t bits = 0;
    for (int f = before[word]; f < before[word + 1]; ++f) bits |= 1u << outlier_columns[f] % 32;
    marked[word] = bits;
  }
  __syncthreads();  // `marked` is complete

  // prologue: silu(gate) * up = gate / (1 + exp(-gate)) * up. Vector i of this thread, element e.
  const auto value = [&](int i, int e) {
    const float gate = widen(raw[i].gate, e);
    return __fdividef(gate, 1.0f + __expf(-gate)) * widen(raw[i].up, e);
  };

  // split: base columns close ranks in shared memory, outlier columns line up behind them.
  const float infinity = __int_as_float(0x7f800000);
  float least = infinity, most_negated = infinity;
#pragma unroll
  for (int i = 0; i < kVectorsPerThread; ++i) {
    const int first = (i * kThreads + thread) * kVector;
    if (first >= kColumns) break;
    const uint32_t word = marked[first / 32] >> first % 32;  // kVector divides 32
    int rank = before[first / 32] + __popc(marked[first / 32]) - __popc(word);  // outliers before `first`
#pragma unroll
    for (int e = 0; e < kVector; ++e) {
      const uint16_t bits = from_float(value(i, e));
      const bool is_outlier = word >> e & 1;
      least = min_nan(least, is_outlier ? infinity : to_float(bits));
      most_negated = min_nan(most_negated, is_outlier ? infinity : -to_float(bits));
      staged[is_outlier ? kPaddedBase + rank : first + e - rank] = bits;
      rank += is_outlier;
    }
  }

  // range: x = code * scale + zero-point term; a range that is not finite poisons the row.
  const float minimum = kBaseColumns > 0 ? reduce(least, min_nan, scratch[0]) : 0.0f;
  const float range = kBaseColumns > 0 ? -reduce(most_negated, min_nan, scratch[1]) - minimum : 0.0f;
  const bool finite = range < infinity;
  const float scale = fmaxf(__fdiv_rn(range, kLevels), kLeastScale);
  const float inverse = __frcp_rn(scale);
  if (thread == 0) {
    const float nan = __int_as_float(0x7fffffff);
    row_meta[row] = finite ? make_float2(scale, minimum) : make_float2(nan, nan);
  }

  // outliers: out as they are, 8 at a time.
  for (int i = thread; i < kPaddedOutliers / 8; i += kThreads) {
    outlier_rows[int64_t{row} * (kPaddedOutliers / 8) + i] = shared_memory[kPaddedBase / 8 + i];
  }

  // quantise: rne((x - minimum) / scale), clamped, minus 2^(kBits - 1); one word of codes at a time.
  uint32_t* code_row = codes + int64_t{row} * (kPaddedBase / kCodesPerWord);
  for (int word = thread; word < kPaddedBase / kCodesPerWord; word += kThreads) {
    const Word values = reinterpret_cast<const Word*>(staged)[word];
    uint32_t packed = 0;
#pragma unroll
    for (int e = 0; e < kCodesPerWord; ++e) {
      const float level = (widen(values, e) - minimum) * inverse;
      packed |= __float2uint_rn(fminf(fmaxf(level, 0.0f), kLevels)) << (kBits * e);
    }
    packed ^= kTopBits;  // two's complement of level - 2^(kBits - 1): its top bit flips
    const int real = kBaseColumns - word * kCodesPerWord;  // codes of the word that are no padding
    if (real < kCodesPerWord) packed &= real > 0 ? (1u << kBits * real) - 1 : 0;
    code_row[word] = packed;
  }
}
