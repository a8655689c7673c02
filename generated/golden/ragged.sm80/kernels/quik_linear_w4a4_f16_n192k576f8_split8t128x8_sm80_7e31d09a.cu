// quik_linear_w4a4_f16_n192k576f8_split8t128x8_sm80_7e31d09a
// y[M, N] = dequantised(codes * weights) + outlier_rows * outlier_weights + bias (+ residual), for few tokens.
// kSlices CTAs share the K of a tile; the last to finish writes y. Weights are MMA operand A, tokens operand B.
// serves     proj (w4a4, 8 outlier columns, f16)
// why        M 1-8: modelled 2.3 us at M = 8, 2 % of the roofline: hand-over 2.0, DRAM 0.2 us
// why        best on A100-SXM4-80GB of 336 legal schedules; next 2.3 us: t256x8 split8 w4 c1
// made by    quikc <version>, templates <digest>, spec 7e31d09aa8cc
#include <cstdint>
// ---- The problem ---------------------------------------------------------------------------------
constexpr int kN = 192;  // output channels
constexpr int kBaseColumns = 568;  // input features in 4-bit codes, outlier columns cut out
constexpr int kOutliers = 8;  // input features kept in f16
constexpr float kHalfRange = 8.0f;  // h: a code is stored minus 2^(4 - 1)

// ---- Layouts: all operands are cut along K into segments of 256 bits, the K of every MMA here ------
constexpr int kBaseSegments = (kBaseColumns + 64 - 1) / 64;  // the last padded with code 0
constexpr int kOutlierSegments = (kOutliers + 16 - 1) / 16;  // the last padded with value 0
// Token rows lie in order of k, low bits first. A weight block is 16 channels x 1 segment, 16 bytes a lane, at byte
// block * kBlockBytes + lane * 16 + register * 4:
//   base W[n, k]:     block (n / 16) * kBaseSegments + k / 64, lane 4 * (n % 8) + k / 8 % 4,
//                     register n / 8 % 2 + 2 * (k / 32 % 2), bit 4 * (k % 8)
//   outlier W[n, f]:  block (n / 16) * kOutlierSegments + f / 16, lane 4 * (n % 8) + f / 2 % 4,
//                     register n / 8 % 2 + 2 * (f / 8 % 2), bit 16 * (f % 2)
constexpr int kSegmentBytes = 32, kBlockBytes = 16 * kSegmentBytes;
constexpr int kChannelBlocks = (kN + 16 - 1) / 16;
using Piece = uint4;  // what y is stored in: the widest vector to which its rows are aligned

// ---- The schedule --------------------------------------------------------------------------------
constexpr int kTileN = 128, kTileM = 8;  // channels and tokens of a CTA
constexpr int kWarps = 2;  // each owns kTileN / kWarps channels
constexpr int kBaseSlices = 8;  // CTAs that share the base columns of a tile; one more has its outlier columns
constexpr int kOutlierSlices = kOutliers > 0 ? 1 : 0, kSlices = kBaseSlices + kOutlierSlices;
constexpr int kSliceSegments = (kBaseSegments + kBaseSlices - 1) / kBaseSlices;
constexpr int kAhead = 4;  // weight segments a warp keeps in flight, in registers
constexpr int kCtasPerSm = 1;  // at least so many are resident at once: bounds registers
constexpr int kThreads = kWarps * 32, kTilesN = (kN + kTileN - 1) / kTileN;
constexpr int kWarpBlocks = kTileN / kWarps / 16;  // 16-channel MMA tiles of a warp
constexpr int kWarpGroups = kTileM / 8;  // 8-token MMA tiles of a warp
static_assert(kWarpBlocks * kWarps * 16 == kTileN, "warps share the channels evenly");

// Shared memory: column meta, row meta, then kTileM token rows of one slice; in the end the output tile lies
// over the rows. 16 bytes more a row: 8 rows start in 8 different groups of 4 banks.
constexpr int kMetaBytes = kTileN * 16 + kTileM * 8;
constexpr int kRowSegments = kSliceSegments > kOutlierSegments ? kSliceSegments : kOutlierSegments;
constexpr int kRowPitch = kRowSegments * kSegmentBytes + 16;
constexpr int kSharedBytes = 4160;  // what the caller must pass
static_assert(kMetaBytes + kTileM * (kRowPitch > kTileN * 2 ? kRowPitch : kTileN * 2) <= kSharedBytes, "fits");

// Workspace of a tile: int32 sums and FP32 outlier sums, each [16-channel block][8-token group][register][lane],
// then the arrival counter on a line of its own.
constexpr int kTileSums = kTileN * kTileM, kTileWords = kTileSums * (1 + kOutlierSlices) + 32;

// Byte of a shared-memory tile with rows of kChunks 16-byte chunks, permuted within a row: 8 rows of one chunk column
// lie in 8 different groups of 4 banks, and so do any 8 neighbouring chunks. Every writer and reader asks here.
template <int kChunks>
__device__ __forceinline__ int swizzle(int row, int byte) {
  const int permuted = byte / 16 ^ (kChunks >= 8 ? row % 8 : row * kChunks / 8 % kChunks);
  return (row * kChunks + permuted) * 16 + byte % 16;
}

// ---- Asynchronous copies, global to shared -------------------------------------------------------
// 16 bytes, of which `valid` are read and the rest is zero.
__device__ __forceinline__ void copy_async(uint32_t shared, const uint8_t* global, int valid) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared), "l"(global), "r"(valid) : "memory");
}

__device__ __forceinline__ void wait_for_copies() { asm volatile("cp.async.wait_all;" ::: "memory"); }

// ---- Fragments -----------------------------------------------------------------------------------
// One B fragment (8 tokens, one segment): lane 8j + r names row r of half j of the segment.
__device__ __forceinline__ void load_group(uint32_t (&b)[2], uint32_t shared) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x2.shared.b16 {%0, %1}, [%2];"
               : "=r"(b[0]), "=r"(b[1])
               : "r"(shared)
               : "memory");
}

// Transposes an 8 x 8 tile of 16-bit values held two a lane.
__device__ __forceinline__ uint32_t transpose_8x8(uint32_t pair) {
  asm volatile("movmatrix.sync.aligned.m8n8.trans.b16 %0, %0;" : "+r"(pair));
  return pair;
}

// D[16 channels x 8 tokens] += A[16 x 64 codes] * B[64 codes x 8], exact in int32. Of the lane 4 * group + quad,
// d[0], d[1] are channel group, tokens 2 * quad, + 1, and d[2], d[3] channel group + 8; FP32 tiles lie alike.
__device__ __forceinline__ void multiply_codes(int (&d)[4], const uint4& a, const uint32_t (&b)[2]) {
  asm volatile("mma.sync.aligned.m16n8k64.row.col.s32.s4.s4.s32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
               : "+r"(d[0]), "+r"(d[1]), "+r"(d[2]), "+r"(d[3])
               : "r"(a.x), "r"(a.y), "r"(a.z), "r"(a.w), "r"(b[0]), "r"(b[1]));
}

// D[16 channels x 8 tokens] += A[16 x 16 outlier weights] * B[16 outlier inputs x 8] in FP32.
__device__ __forceinline__ void multiply_outliers(float (&d)[4], const uint4& a, const uint32_t (&b)[2]) {
  asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
               : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
               : "r"(a.x), "r"(a.y), "r"(a.z), "r"(a.w), "r"(b[0]), "r"(b[1]));
}

// Two FP32 values to two f16 in one register, low half first, rounded to nearest even.
__device__ __forceinline__ uint32_t pack_pair(float low, float high) {
  uint32_t pair;
  asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(high), "f"(low));
  return pair;
}

// ---- Kernel --------------------------------------------------------------------------------------
// Grid x: ceil(M / kTileM) * kTilesN tiles, channel tiles fastest; z: kSlices, the last adds all outlier columns, each
// warp to its own channels. Tokens past M are computed on zeros and neither summed nor stored.
extern "C" __global__ void __launch_bounds__(kThreads, kCtasPerSm)  // bounds registers
    quik_linear_w4a4_f16_n192k576f8_split8t128x8_sm80_7e31d09a(
        const uint8_t* __restrict__ weights,  // [kChannelBlocks][kBaseSegments] blocks of 4-bit codes
        const uint8_t* __restrict__ column_meta,  // [kChannelBlocks * 16] {s_w, R, bias, 0} in FP32
        const uint8_t* __restrict__ outlier_weights,  // [kChannelBlocks][kOutlierSegments] blocks of f16
        const uint8_t* __restrict__ codes,  // [M][kBaseSegments * kSegmentBytes], 4-bit codes
        const uint8_t* __restrict__ row_meta,  // [M] {s_a, z} in FP32
        const uint8_t* __restrict__ outlier_rows,  // [M][kOutlierSegments * kSegmentBytes], f16
        uint8_t* y,  // [M][kN] f16
        int* workspace,  // [tiles][kTileWords], zero before and after
        int M) {
  extern __shared__ uint4 shared_memory[];
  __shared__ bool is_last;  // this CTA is the last of its tile to arrive
  const uint32_t shared = static_cast<uint32_t>(__cvta_generic_to_shared(shared_memory));
  const uint32_t thread = threadIdx.x, lane = thread % 32, group = lane / 4, quad = lane % 4;
  const uint32_t warp_n = thread / 32, warp_m = 0, slice = blockIdx.z;
  const int first_block = blockIdx.x % kTilesN * (kTileN / 16);  // of 16 channels
  const int first_token = blockIdx.x / kTilesN * kTileM;
  int* sums = workspace + int64_t{blockIdx.x} * kTileWords;
  float* outlier_sums = reinterpret_cast<float*>(sums + kTileSums);
  int* counter = sums + kTileSums * (1 + kOutlierSlices);
  int acc[kWarpBlocks][kWarpGroups][4] = {};
  float out[kWarpBlocks][kWarpGroups][4] = {};

  // load_meta: starts the copies of the tile's column and row meta, zeros outside N and M.
  const auto load_meta = [&] {
    for (int i = thread; i < kTileN + kTileM / 2; i += kThreads) {
      const int channel = first_block * 16 + i, m = first_token + (i - kTileN) * 2;
      const uint8_t* source = i < kTileN ? column_meta + channel * 16LL : row_meta + m * 8LL;
      const int valid = i < kTileN ? (channel < kN ? 16 : 0) : m + 1 < M ? 16 : m < M ? 8 : 0;
      copy_async(shared + i * 16, source, valid);
    }
  };

  // dequantise: y = acc * s_a * s_w + (z + h * s_a) * R + bias, all in FP32 (f16 would overflow), in the
  // accumulators' own lanes, to which the outlier products are then added.
  const auto dequantise = [&] {
    const float4* columns = reinterpret_cast<const float4*>(shared_memory);  // {s_w, R, bias, 0}
    const float2* rows = reinterpret_cast<const float2*>(columns + kTileN);  // {s_a, z}
#pragma unroll
    for (int j = 0; j < 2 * kWarpGroups; ++j) {
      const float2 row = rows[(warp_m * kWarpGroups + j / 2) * 8 + 2 * quad + j % 2];
      const float offset = fmaf(kHalfRange, row.x, row.y);
#pragma unroll
      for (int i = 0; i < 2 * kWarpBlocks; ++i) {
        const int r = i % 2 * 2 + j % 2;
        const float4 column = columns[(warp_n * kWarpBlocks + i / 2) * 16 + i % 2 * 8 + group];
        const float product = static_cast<float>(acc[i / 2][j / 2][r]) * row.x;
        out[i / 2][j / 2][r] = fmaf(product, column.x, fmaf(offset, column.y, column.z));
      }
    }
  };

  // multiply: the warp's channels x all tokens over segments [first, last), into `tile` (acc or out). Weights are
  // asked for first, they come from afar; then token rows go to shared memory, those past M as zeros.
  const auto multiply = [&](const uint8_t* blocks, const uint8_t* rows, int segments, int first, int last, auto& tile,
                            auto mma) {
    const auto fetch = [&](int i, int segment) {  // zeros past kN; nobody multiplies what is past `last`
      const int n_block = first_block + warp_n * kWarpBlocks + i;
      const uint32_t source = static_cast<uint32_t>(n_block * segments + segment) * kBlockBytes + lane * 16;
      if (n_block >= kChannelBlocks || segment >= last) return uint4{};
      return __ldcs(reinterpret_cast<const uint4*>(blocks + source));  // read once: evict first
    };
    uint4 a[kAhead][kWarpBlocks];
#pragma unroll
    for (int i = 0; i < kAhead * kWarpBlocks; ++i)
      a[i / kWarpBlocks][i % kWarpBlocks] = fetch(i % kWarpBlocks, first + i / kWarpBlocks);
    load_meta();
    constexpr int kRowSlots = (kRowSegments * kSegmentBytes + 127) / 128 * 8;  // 8 lanes keep to a row
#pragma unroll
    for (int i = 0; i < (kTileM * kRowSlots + kThreads - 1) / kThreads; ++i) {
      const int place = i * kThreads + thread, row = place / kRowSlots, byte = place % kRowSlots * 16;
      const uint8_t* source = rows + (int64_t{first_token + row} * segments + first) * kSegmentBytes + byte;
      if (row >= kTileM || byte >= (last - first) * kSegmentBytes) continue;
      copy_async(shared + kMetaBytes + row * kRowPitch + byte, source, first_token + row < M ? 16 : 0);
    }
    wait_for_copies();
    __syncthreads();  // the token rows and the meta copied by all threads have landed
#pragma unroll 1
    for (int start = first; start < last; start += kAhead) {
#pragma unroll
      for (int ahead = 0; ahead < kAhead; ++ahead) {
        const int segment = start + ahead;
        if (segment >= last) break;
        const uint32_t row = shared + kMetaBytes + lane % 8 * kRowPitch + (segment - first) * kSegmentBytes;
#pragma unroll
        for (int j = 0; j < kWarpGroups; ++j) {
          uint32_t b[2];
          load_group(b, row + j * 8 * kRowPitch + lane / 8 % 2 * 16);
#pragma unroll
          for (int i = 0; i < kWarpBlocks; ++i) mma(tile[i][j], a[ahead][i], b);
        }
#pragma unroll
        for (int i = 0; i < kWarpBlocks; ++i) a[ahead][i] = fetch(i, segment + kAhead);
      }
    }
  };

  // Calls visit(accumulator's place, word of the tile's sums) for the accumulators whose token exists.
  const auto for_each_sum = [&](auto visit) {
#pragma unroll
    for (int i = 0; i < kWarpBlocks * kWarpGroups * 4; ++i) {
      const int j = i / 4 % kWarpGroups, word = (warp_n * kWarpBlocks * kWarpGroups * 4 + i) * 32 + lane;
      if (first_token + j * 8 + 2 * quad + i % 2 < M) visit(i / 4 / kWarpGroups, j, i % 4, word);
    }
  };

  // Calls move(byte of the tile, byte of [M][kN], lies inside) for every Piece; neighbours take neighbours.
  const auto for_each_piece = [&](auto move) {
    constexpr int kPieces = kTileN * 2 / sizeof(Piece), kAll = kTileM * kPieces;
#pragma unroll 8
    for (int i = 0; i < (kAll + kThreads - 1) / kThreads; ++i) {
      const int place = i * kThreads + thread, token = place / kPieces, byte = place % kPieces * sizeof(Piece);
      if (kAll % kThreads != 0 && place >= kAll) break;
      const int channel = first_block * 16 + byte / 2, m = first_token + token;
      move(swizzle<kTileN / 8>(token, byte), (int64_t{m} * kN + channel) * 2, m < M && channel < kN);
    }
  };

  // store: FP32 tile -> f16, rounded once -> shared memory, token-major -> coalesced to y. 8 x 8 transposes
  // turn channel `group` of tokens 2 * quad, + 1 into token `group`, channels 2 * quad, + 1: a word of the tile.
  const auto store = [&] {
    __syncthreads();  // no copy is in flight and every warp has read its operands: the tile may lie over them
    uint8_t* tile = reinterpret_cast<uint8_t*>(shared_memory) + kMetaBytes;
#pragma unroll
    for (int i = 0; i < 2 * kWarpBlocks; ++i) {  // 8 channels x all tokens of the warp
      const int channel = (warp_n * kWarpBlocks + i / 2) * 16 + i % 2 * 8 + 2 * quad;
      const auto word = [&](int j) {
        const int byte = swizzle<kTileN / 8>((warp_m * kWarpGroups + j) * 8 + group, channel * 2);
        return reinterpret_cast<uint32_t*>(tile + byte);
      };
#pragma unroll
      for (int j = 0; j < kWarpGroups; ++j) {
        const float* pair = &out[i / 2][j][i % 2 * 2];
        *word(j) = transpose_8x8(pack_pair(pair[0], pair[1]));
      }
    }
    __syncthreads();  // the output tile is complete
    for_each_piece([&](int byte, int64_t target, bool inside) {
      if (inside) *reinterpret_cast<Piece*>(y + target) = *reinterpret_cast<const Piece*>(tile + byte);
    });
  };

  if (slice < kBaseSlices) {
    const int first = slice * kSliceSegments;
    const int last = first + kSliceSegments < kBaseSegments ? first + kSliceSegments : kBaseSegments;
    multiply(weights, codes, kBaseSegments, first, last, acc, multiply_codes);
    // Integer sums are exact in any order: atomics keep the result deterministic.
    for_each_sum([&](int i, int j, int r, int word) { atomicAdd(sums + word, acc[i][j][r]); });
  } else {
    multiply(outlier_weights, outlier_rows, kOutlierSegments, 0, kOutlierSegments, out, multiply_outliers);
    for_each_sum([&](int i, int j, int r, int word) { outlier_sums[word] = out[i][j][r]; });
  }

  // arrive: the last CTA of a tile sees the sums of all and finishes it; the others are done.
  __syncthreads();  // the CTA's sums are written, and is_last may be
  if (thread == 0) {
    __threadfence();  // fence.sc, cumulative over the barrier: the sums are visible before the arrival counts
    is_last = atomicAdd(counter, 1) == kSlices - 1;
    __threadfence();  // the sums of the CTAs that arrived before are visible from here on
  }
  __syncthreads();  // is_last is set
  if (!is_last) return;

  // finish: take the sums and leave zeros, as they were found.
  for_each_sum([&](int i, int j, int r, int word) { acc[i][j][r] = atomicExch(sums + word, 0); });
  float added[kWarpBlocks][kWarpGroups][4] = {};
  for_each_sum([&](int i, int j, int r, int word) { added[i][j][r] = atomicExch(outlier_sums + word, 0.0f); });
  dequantise();
  for_each_sum([&](int i, int j, int r, int /*word*/) { out[i][j][r] += added[i][j][r]; });
  if (thread == 0) atomicExch(counter, 0);  // strong, like the arrivals it follows
  store();
}
