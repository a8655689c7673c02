// quik_quantize_silumul_a8_f16_k512f16_t64_sm90_4146d498
// Each row of x is put through its prologue and rounded; its outlier columns are copied out, its base columns
// quantised with a scale and a minimum of their own. x is read once.
// serves     layers.0-3.mlp.down_proj (a8, 16 outlier columns, f16)
// why        any M: modelled 2.0 us at M = 2048, 62 % of the roofline: latency 1.9, issue 1.5 us
// why        best on H200 of 24 legal schedules; next 2.0 us: 64 threads c24
// made by    quikc <version>, templates <digest>, spec 4146d49879cb
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
constexpr int kVector = 2;  // values loaded at once: a pair, which has a bank of shared memory to itself
using Vector = uint32_t;

// ---- The schedule: one CTA a row -----------------------------------------------------------------
constexpr int kThreads = 64;
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

using Codes = uint2;  // of an octet, in order of column, low bits first

__device__ __forceinline__ Codes pack_codes(const uint32_t (&levels)[8]) {
  return make_uint2(low_bytes(levels[0], levels[1], levels[2], levels[3]),
                    low_bytes(levels[4], levels[5], levels[6], levels[7]));
}

__device__ __forceinline__ Codes keep_tail(Codes codes) {
  constexpr uint64_t kKept = (uint64_t{1} << 8 * kTail) - 1;
  return make_uint2(codes.x & static_cast<uint32_t>(kKept), codes.y & static_cast<uint32_t>(kKept >> 32));
}

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

constexpr int kSharedBytes = 1152;  // what the caller must pass: staged row, then marks
static_assert(kStaged * 2 + kMarks * sizeof(Mark) <= kSharedBytes, "row and marks fit");

// ---- Kernel: grid M, one row a CTA -----------------------------------------------------------------
extern "C" __global__ void __launch_bounds__(kThreads, kCtasPerSm)  // bounds registers
    quik_quantize_silumul_a8_f16_k512f16_t64_sm90_4146d498(
        const uint8_t* __restrict__ x,  // [M][2][kColumns] f16
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

  // fetch: kVector neighbouring values of both halves of this row, [gate | up].
  struct Raw {
    Vector gate, up;
  };
  const uint8_t* x_row = x + int64_t{row} * (2 * kColumns * 2);
  const auto fetch = [&](int column) {
    return Raw{load_vector(x_row, column), load_vector(x_row + kColumns * 2, column)};
  };

  // load: the whole row, once, into registers.
  Raw raw[kVectorsPerThread];
#pragma unroll
  for (int i = 0; i < kVectorsPerThread; ++i) {
    if (has_item(i, kVectors)) raw[i] = fetch((i * kThreads + thread) * kVector);
  }
  mark_columns(outlier_columns, staged, marks);

  // prologue: silu(gate) * up = gate / (1 + exp(-gate)) * up. Vector i of this thread, pair w.
  // A flushed power leaves the sum 1, as the power itself would; a flushed inverse has exp(-gate) > 2^125.
  const auto silu = [](float gate) {
    float power, inverse;
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(power) : "f"(gate * -1.44269504f));  // log2(e)
    asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(inverse) : "f"(1.0f + power));
    return gate * inverse;
  };
  const auto pair = [&](int i, int w) {
    const float2 gate = unpack_pair(pair_of(raw[i].gate, w)), up = unpack_pair(pair_of(raw[i].up, w));
    return pack_pair(silu(gate.x) * up.x, silu(gate.y) * up.y);
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
