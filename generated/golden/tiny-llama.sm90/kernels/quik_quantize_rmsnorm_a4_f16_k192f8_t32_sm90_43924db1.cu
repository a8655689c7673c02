// quik_quantize_rmsnorm_a4_f16_k192f8_t32_sm90_43924db1
// Each row of x is put through its prologue and rounded; its outlier columns are copied out, its base columns
// quantised with a scale and a minimum of their own. x is read once.
// serves     layers.0-3.self_attn.qkv_proj, layers.0-3.mlp.gate_up_proj (a4, 8 outlier columns, f16)
// why        any M: modelled 1.9 us at M = 2048, 13 % of the roofline: latency 1.9, issue 0.7 us
// why        best on H200 of 12 legal schedules; next 1.9 us: 32 threads c24
// made by    quikc <version>, templates <digest>, spec 43924db16595
#include <cstdint>

// ---- The problem ---------------------------------------------------------------------------------
constexpr int kColumns = 192;  // input features of a row
constexpr int kOutliers = 8;  // of them kept in f16; which ones is data
constexpr int kBaseColumns = 184;  // of them quantised
constexpr int kBits = 4;  // of a code
constexpr float kLevels = 15.0f;  // 2^kBits - 1: the largest code before 2^(kBits - 1) is taken off
constexpr float kLeastScale = 0x1p-64f;  // of a row whose values are all equal: they come back through its minimum
constexpr float kEpsilon = 0.000009999999747378752f;  // of the RMS norm

// ---- Layouts: a row of codes is padded to segments of 256 bits with code 0, outliers to 16 with value 0 ----
constexpr int kPaddedBase = (kBaseColumns + 64 - 1) / 64 * 64;
constexpr int kPaddedOutliers = (kOutliers + 16 - 1) / 16 * 16;
constexpr int kVector = 2;  // values loaded at once: a pair, which has a bank of shared memory to itself
using Vector = uint32_t;

// ---- The schedule: one CTA a row -----------------------------------------------------------------
constexpr int kThreads = 32;
constexpr int kCtasPerSm = 16;  // at least so many are resident at once: bounds registers
constexpr int kWarps = kThreads / 32;
constexpr int kVectors = (kColumns + kVector - 1) / kVector;
constexpr int kVectorsPerThread = (kVectors + kThreads - 1) / kThreads;
constexpr int kStaged = (kColumns + 8 - 1) / 8 * 8;  // values of the staged row
constexpr int kBaseOctets = (kBaseColumns + 8 - 1) / 8;  // it is read back 8 values at a time
constexpr int kCodeOctets = kPaddedBase / 8;

// Two FP32 values to two f16 in one register, low half first, rounded to nearest even.
__device__ __forceinline__ uint32_t pack_pair(float low, float high) {
  uint32_t pair;
  asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(high), "f"(low));
  return pair;
}
__device__ __forceinline__ float2 unpack_pair(uint32_t pair) {
  float2 values;
  asm("{ .reg .b16 l, h; mov.b32 {l, h}, %2; cvt.f32.f16 %0, l; cvt.f32.f16 %1, h; }"
      : "=f"(values.x), "=f"(values.y)
      : "r"(pair));
  return values;
}
constexpr uint32_t kInfinities = 0x7c007c00u;  // of two f16

// The lesser or greater of two pairs, half by half. A NaN on either side wins: it must reach the row's meta.
__device__ __forceinline__ uint32_t min_pair(uint32_t a, uint32_t b) {
  asm("min.NaN.f16x2 %0, %0, %1;" : "+r"(a) : "r"(b));
  return a;
}
__device__ __forceinline__ uint32_t max_pair(uint32_t a, uint32_t b) {
  asm("max.NaN.f16x2 %0, %0, %1;" : "+r"(a) : "r"(b));
  return a;
}

// Whether this thread has an item in round i of a loop over `count`, kThreads a round: of full rounds the compiler knows.
__device__ __forceinline__ bool has_item(int i, int count) {
  return (i + 1) * kThreads <= count || i * kThreads + static_cast<int>(threadIdx.x) < count;
}

// Pair w of a vector of 16-bit values.
template <typename Values>
__device__ __forceinline__ uint32_t& pair_of(Values& values, int w) {
  return reinterpret_cast<uint32_t*>(&values)[w];
}

// kVector neighbouring values of a row.
__device__ __forceinline__ Vector load_vector(const uint8_t* row, int column) {
  return *reinterpret_cast<const Vector*>(row + column * 2);
}

// One value of all threads of the CTA, combined in a fixed order; `scratch` is not reused afterwards.
template <typename Value, typename Op>
__device__ __forceinline__ Value reduce(Value value, Op op, Value (&scratch)[kWarps]) {
#pragma unroll
  for (int step = 16; step > 0; step /= 2) value = op(value, __shfl_xor_sync(0xffffffffu, value, step));
  if (threadIdx.x % 32 == 0) scratch[threadIdx.x / 32] = value;
  __syncthreads();  // all warps' values are in scratch
  value = scratch[threadIdx.x % kWarps];
#pragma unroll
  for (int step = kWarps / 2; step > 0; step /= 2) value = op(value, __shfl_xor_sync(0xffffffffu, value, step));
  return value;
}

constexpr int kTail = kBaseColumns % 8;  // base columns of the last octet, 0 if it is full

// Fills an octet up with its first value, which leaves the range as it is.
__device__ __forceinline__ void repeat_first(uint4& octet) {
  uint16_t* values = reinterpret_cast<uint16_t*>(&octet);
#pragma unroll
  for (int e = kTail; e < 8; ++e) values[e] = values[0];
}

// An FP32 whose low bits are the code: 1.5 * 2^23 leaves no bits for a fraction, so the sum is rounded to nearest even.
__device__ __forceinline__ uint32_t level_of(float value, float minimum, float inverse) {
  constexpr float kRounder = 0x1.8p23f - static_cast<float>(1 << (kBits - 1));
  return __float_as_uint(fmaf(value - minimum, inverse, kRounder));
}

__device__ __forceinline__ uint32_t low_bytes(uint32_t a, uint32_t b, uint32_t c, uint32_t d) {
  return __byte_perm(__byte_perm(a, b, 0x0040), __byte_perm(c, d, 0x0040), 0x5410);
}

using Codes = uint32_t;  // of an octet, in order of column, low bits first

__device__ __forceinline__ Codes pack_codes(const uint32_t (&levels)[8]) {
  const uint32_t even = low_bytes(levels[0], levels[2], levels[4], levels[6]);
  const uint32_t odd = low_bytes(levels[1], levels[3], levels[5], levels[7]);
  return (even & 0x0f0f0f0fu) | (odd << 4 & 0xf0f0f0f0u);
}

__device__ __forceinline__ Codes keep_tail(Codes codes) { return codes & ((1u << 4 * kTail) - 1); }

// Compact: base columns close ranks, in order.
struct alignas(8) Mark {
  uint32_t base;  // which of 32 columns are base columns, a bit each
  uint32_t place;  // where the first of them goes: a shared-memory address
};
constexpr int kMarks = (kColumns + 32 - 1) / 32;

// Stores those halves of a pair that are wanted, close together, from shared-memory address `to` on.
__device__ __forceinline__ void store_wanted(uint32_t to, uint32_t pair, uint32_t wants_low, uint32_t wants_high) {
  asm volatile(
      "{ .reg .pred p, q; .reg .b16 l, h; .reg .b32 next; mov.b32 {l, h}, %1;\n"
      "setp.ne.s32 p, %2, 0; @p st.shared.u16 [%0], l;\n"
      "selp.b32 next, 2, 0, p; add.s32 next, next, %0;\n"
      "setp.ne.s32 q, %3, 0; @q st.shared.u16 [next], h; }" ::"r"(to),
      "r"(pair), "r"(wants_low), "r"(wants_high)
      : "memory");
}

__device__ __forceinline__ void mark_columns(const uint32_t* outlier_columns, const uint16_t* staged, Mark* marks) {
#pragma unroll
  for (int i = 0; i * kThreads < kMarks; ++i) {
    if (!has_item(i, kMarks)) break;
    const int mark = i * kThreads + threadIdx.x;
    marks[mark].base = kColumns % 32 == 0 || mark < kColumns / 32 ? 0xffffffffu : (1u << kColumns % 32) - 1;
  }
  // Outlier f tells the marks from its predecessor's up to its own that f outliers come before them.
  const uint32_t start = static_cast<uint32_t>(__cvta_generic_to_shared(staged));
#pragma unroll
  for (int i = 0; i * kThreads < kOutliers + 1; ++i) {
    if (!has_item(i, kOutliers + 1)) break;
    const int f = i * kThreads + threadIdx.x;
    const int to = f == kOutliers ? kMarks - 1 : outlier_columns[f] / 32;
#pragma unroll 1
    for (int mark = f == 0 ? 0 : outlier_columns[f - 1] / 32 + 1; mark <= to; ++mark)
      marks[mark].place = start + (mark * 32 - f) * 2;
  }
}

__device__ __forceinline__ void split_columns(const uint32_t* outlier_columns, Mark* marks,
                                              const uint32_t (&pairs)[kVectorsPerThread], uint16_t* staged,
                                              uint16_t* outlier_row) {
  __syncthreads();  // the row is staged, no column marked yet
#pragma unroll
  for (int i = 0; i * kThreads < kPaddedOutliers; ++i) {
    if (!has_item(i, kPaddedOutliers)) break;
    const int f = i * kThreads + threadIdx.x;
    uint16_t value = 0;
    if (kOutliers == kPaddedOutliers || f < kOutliers) {
      const uint32_t column = outlier_columns[f];
      atomicAnd(&marks[column / 32].base, ~(1u << column % 32));
      value = staged[column];
    }
    outlier_row[f] = value;
  }
  __syncthreads();  // marks are complete, and nobody reads the row as it was
  const uint32_t low = 1u << threadIdx.x % 16 * 2, high = 2 * low;  // bits of this thread's pairs in their marks
  const Mark* own_marks = marks + threadIdx.x / 16;
#pragma unroll
  for (int i = 0; i < kVectorsPerThread; ++i) {
    if (!has_item(i, kVectors)) break;
    const Mark mark = own_marks[i * kThreads / 16];
    const uint32_t to = mark.place + 2 * __popc(mark.base & (low - 1));
    store_wanted(to, pairs[i], mark.base & low, mark.base & high);
  }
  __syncthreads();  // base columns have closed ranks
}

constexpr int kSharedBytes = 432;  // what the caller must pass: staged row, then marks
static_assert(kStaged * 2 + kMarks * sizeof(Mark) <= kSharedBytes, "row and marks fit");

// ---- Kernel: grid M, one row a CTA -----------------------------------------------------------------
extern "C" __global__ void __launch_bounds__(kThreads, kCtasPerSm)  // bounds registers
    quik_quantize_rmsnorm_a4_f16_k192f8_t32_sm90_43924db1(
        const uint8_t* __restrict__ x,  // [M][kColumns] f16
        const uint8_t* __restrict__ gamma,  // [kColumns] f16
        const uint32_t* __restrict__ outlier_columns,  // [kOutliers], ascending
        Codes* __restrict__ codes,  // [M][kCodeOctets]
        float2* __restrict__ row_meta,  // [M] {scale, minimum}; {NaN, NaN} if a base value is not finite
        uint16_t* __restrict__ outlier_rows,  // [M][kPaddedOutliers] f16
        int M) {  // rows; the grid says as much
  extern __shared__ uint4 shared_memory[];
  __shared__ uint32_t extremes[kWarps];
  uint16_t* staged = reinterpret_cast<uint16_t*>(shared_memory);  // [kStaged]
  Mark* marks = reinterpret_cast<Mark*>(staged + kStaged);  // [kMarks]
  const int thread = threadIdx.x, row = blockIdx.x;

  // fetch: kVector neighbouring values of this row.
  using Raw = Vector;
  const uint8_t* x_row = x + int64_t{row} * (kColumns * 2);
  const auto fetch = [&](int column) { return load_vector(x_row, column); };

  // load: the whole row, once, into registers.
  Raw raw[kVectorsPerThread];
#pragma unroll
  for (int i = 0; i < kVectorsPerThread; ++i) {
    if (has_item(i, kVectors)) raw[i] = fetch((i * kThreads + thread) * kVector);
  }
  mark_columns(outlier_columns, staged, marks);

  // prologue: x / sqrt(mean(x^2) + eps) * gamma. Vector i of this thread, pair w.
  __shared__ float sums[kWarps];
  Vector weights[kVectorsPerThread];
  float squares = 0.0f;
#pragma unroll
  for (int i = 0; i < kVectorsPerThread; ++i) {
    if (!has_item(i, kVectors)) break;
    weights[i] = load_vector(gamma, (i * kThreads + thread) * kVector);
#pragma unroll
    for (int w = 0; w < kVector / 2; ++w) {
      const float2 values = unpack_pair(pair_of(raw[i], w));
      squares = fmaf(values.y, values.y, fmaf(values.x, values.x, squares));
    }
  }
  const auto add = [](float a, float b) { return a + b; };
  const float inverse_rms = rsqrtf(reduce(squares, add, sums) * (1.0f / kColumns) + kEpsilon);
  const auto pair = [&](int i, int w) {
    const float2 values = unpack_pair(pair_of(raw[i], w)), by = unpack_pair(pair_of(weights[i], w));
    return pack_pair(values.x * inverse_rms * by.x, values.y * inverse_rms * by.y);
  };

  // stage: the row after the prologue, in shared memory, all columns in order.
  Vector values[kVectorsPerThread];
#pragma unroll
  for (int i = 0; i < kVectorsPerThread; ++i) {
    if (!has_item(i, kVectors)) break;
#pragma unroll
    for (int w = 0; w < kVector / 2; ++w) pair_of(values[i], w) = pair(i, w);
    reinterpret_cast<Vector*>(staged)[i * kThreads + thread] = values[i];
  }
  if (thread < kStaged - kVectors * kVector) staged[kVectors * kVector + thread] = 0;

  // split: outlier columns out as they are; what stays are base columns, 8 at a time.
  split_columns(outlier_columns, marks, values, staged, outlier_rows + int64_t{row} * kPaddedOutliers);

  // range: both ends of it in one word, {least, -greatest}, for one reduction.
  uint4 octets[kBaseOctets / kThreads + 1];
  uint32_t least = kInfinities, greatest = kInfinities ^ 0x80008000u;
#pragma unroll
  for (int i = 0; i * kThreads < kBaseOctets; ++i) {
    if (!has_item(i, kBaseOctets)) break;
    const int octet = i * kThreads + thread;
    octets[i] = shared_memory[octet];
    if (kTail != 0 && octet == kBaseOctets - 1) repeat_first(octets[i]);
#pragma unroll
    for (int w = 0; w < 4; ++w) {
      least = min_pair(least, pair_of(octets[i], w));
      greatest = max_pair(greatest, pair_of(octets[i], w));
    }
  }
  const uint32_t both = __byte_perm(min_pair(least, least >> 16), max_pair(greatest, greatest >> 16), 0x5410);
  const uint32_t ends = reduce(both ^ 0x80000000u, min_pair, extremes);

  // scale: x = code * scale + zero-point term; a range that is not finite poisons the row.
  const float2 bounds = kBaseColumns > 0 ? unpack_pair(ends) : make_float2(0.0f, 0.0f);
  const float minimum = bounds.x, range = -bounds.y - minimum;
  const bool finite = range < __int_as_float(0x7f800000);
  const float scale = fmaxf(__fdiv_rn(range, kLevels), kLeastScale);
  const float inverse = __frcp_rn(scale);
  const float nan = __int_as_float(0x7fffffff);
  if (thread == 0) row_meta[row] = finite ? make_float2(scale, minimum) : make_float2(nan, nan);

  // quantise: rne((x - minimum) / scale) minus 2^(kBits - 1); x within the range needs no clamp.
#pragma unroll
  for (int i = 0; i * kThreads < kCodeOctets; ++i) {
    if (!has_item(i, kCodeOctets)) break;
    const int octet = i * kThreads + thread;
    Codes packed = {};  // padding
    if (has_item(i, kBaseOctets)) {
      uint32_t levels[8];
#pragma unroll
      for (int w = 0; w < 4; ++w) {
        const float2 pair = unpack_pair(pair_of(octets[i], w));
        levels[2 * w] = level_of(pair.x, minimum, inverse);
        levels[2 * w + 1] = level_of(pair.y, minimum, inverse);
      }
      packed = pack_codes(levels);
      if (kTail != 0 && octet == kBaseOctets - 1) packed = keep_tail(packed);
    }
    codes[int64_t{row} * kCodeOctets + octet] = packed;
  }
}
