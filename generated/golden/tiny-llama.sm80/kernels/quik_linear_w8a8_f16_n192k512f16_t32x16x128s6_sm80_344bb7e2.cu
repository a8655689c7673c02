// quik_linear_w8a8_f16_n192k512f16_t32x16x128s6_sm80_344bb7e2
// y[M, N] = dequantised(codes * weights) + outlier_rows * outlier_weights + bias (+ residual), one kernel.
// A CTA computes kTileN channels x kTileM tokens. Weights are MMA operand A, tokens operand B.
// serves     layers.0-3.mlp.down_proj (w8a8, 16 outlier columns, f16)
// why        M 17-128: modelled 2.0 us at M = 128, 7 % of the roofline: fill 0.9, tensor cores 0.7 us
// why        best on A100-SXM4-80GB of 3,054 legal schedules; next 2.0 us: t32x16x128B s6 w2x1 c1
// made by    quikc <version>, templates <digest>, spec 344bb7e246a2
#include <cstdint>
// ---- The problem ---------------------------------------------------------------------------------
constexpr int kN = 192;  // output channels
constexpr int kBaseColumns = 496;  // input features in 8-bit codes, outlier columns cut out
constexpr int kOutliers = 16;  // input features kept in f16
constexpr float kHalfRange = 128.0f;  // h: a code is stored minus 2^(8 - 1)

// ---- Layouts: all operands are cut along K into segments of 256 bits, the K of every MMA here ------
constexpr int kBaseSegments = (kBaseColumns + 32 - 1) / 32;  // the last padded with code 0
constexpr int kOutlierSegments = (kOutliers + 16 - 1) / 16;  // the last padded with value 0
// Token rows lie in order of k, low bits first. A weight block is 16 channels x 1 segment, 16 bytes a lane, at byte
// block * kBlockBytes + lane * 16 + register * 4:
//   base W[n, k]:     block (n / 16) * kBaseSegments + k / 32, lane 4 * (n % 8) + k / 4 % 4,
//                     register n / 8 % 2 + 2 * (k / 16 % 2), bit 8 * (k % 4)
//   outlier W[n, f]:  block (n / 16) * kOutlierSegments + f / 16, lane 4 * (n % 8) + f / 2 % 4,
//                     register n / 8 % 2 + 2 * (f / 8 % 2), bit 16 * (f % 2)
constexpr int kSegmentBytes = 32, kBlockBytes = 16 * kSegmentBytes;
constexpr int kChannelBlocks = (kN + 16 - 1) / 16;
using Piece = uint4;  // what y is stored in: the widest vector to which its rows are aligned

// ---- The schedule --------------------------------------------------------------------------------
constexpr int kTileN = 32, kTileM = 16;  // channels and tokens of a CTA
constexpr int kWarpsN = 1, kWarpsM = 1;  // warps along channels and along tokens
constexpr int kStepSegments = 4;  // segments of a K step: one stage of the ring
constexpr int kStages = 6;  // steps in flight or in use
constexpr int kCtasPerSm = 1;  // at least so many are resident at once: bounds registers
constexpr int kWarps = kWarpsN * kWarpsM, kThreads = kWarps * 32;
constexpr int kBaseSteps = (kBaseSegments + kStepSegments - 1) / kStepSegments;
constexpr int kOutlierSteps = (kOutlierSegments + kStepSegments - 1) / kStepSegments;
constexpr int kGroup = 16;  // token tiles next to each other in the grid: they share weights in L2
constexpr int kWarpBlocks = kTileN / kWarpsN / 16;  // 16-channel MMA tiles of a warp
constexpr int kWarpGroups = kTileM / kWarpsM / 8;  // 8-token MMA tiles of a warp
static_assert(kWarpBlocks * kWarpsN * 16 == kTileN && kWarpGroups % 2 == 0, "warps share evenly, tokens by 16");

// Shared memory: column meta, row meta, then a ring of stages, each [kTileN / 16][kStepSegments] weight
// blocks and kTileM token rows. In the end the output tile lies over the ring.
constexpr int kMetaBytes = kTileN * 16 + kTileM * 8;
constexpr int kRowBytes = kStepSegments * kSegmentBytes, kRowChunks = kRowBytes / 16;
constexpr int kStepBlocks = kTileN / 16 * kStepSegments, kStepRowChunks = kTileM * kRowChunks;
constexpr int kStageBytes = kStepBlocks * kBlockBytes + kTileM * kRowBytes;
constexpr int kSharedBytes = 37504;  // what the caller must pass
static_assert(kMetaBytes + kStages * kStageBytes <= kSharedBytes, "the ring fits");
static_assert(kMetaBytes + kTileM * kTileN * 2 <= kSharedBytes, "the output tile fits");

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

// Waits until at most kPending of this thread's newest groups are still in flight.
template <int kPending>
__device__ __forceinline__ void wait_for_copies() {
  asm volatile("cp.async.wait_group %0;" ::"n"(kPending) : "memory");
}

// ---- Fragments -----------------------------------------------------------------------------------
// Two B fragments (2 x 8 tokens, one segment): lane 8j + r names row r of matrix j; matrices 0, 1 are the
// halves of the first tokens' segment, 2, 3 those of the second.
__device__ __forceinline__ void load_rows(uint32_t (&b)[2][2], uint32_t shared) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(b[0][0]), "=r"(b[0][1]), "=r"(b[1][0]), "=r"(b[1][1])
               : "r"(shared)
               : "memory");
}

// Transposes an 8 x 8 tile of 16-bit values held two a lane.
__device__ __forceinline__ uint32_t transpose_8x8(uint32_t pair) {
  asm volatile("movmatrix.sync.aligned.m8n8.trans.b16 %0, %0;" : "+r"(pair));
  return pair;
}

// D[16 channels x 8 tokens] += A[16 x 32 codes] * B[32 codes x 8], exact in int32. Of the lane 4 * group + quad,
// d[0], d[1] are channel group, tokens 2 * quad, + 1, and d[2], d[3] channel group + 8; FP32 tiles lie alike.
__device__ __forceinline__ void multiply_codes(int (&d)[4], const uint4& a, const uint32_t (&b)[2]) {
  asm volatile("mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
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

__device__ __forceinline__ float2 unpack_pair(uint32_t pair) {
  float2 values;
  asm("{ .reg .b16 l, h; mov.b32 {l, h}, %2; cvt.f32.f16 %0, l; cvt.f32.f16 %1, h; }"
      : "=f"(values.x), "=f"(values.y)
      : "r"(pair));
  return values;
}

// ---- Kernel --------------------------------------------------------------------------------------
// Grid x: token tiles of a group, at most kGroup; y: ceil(kN / kTileN) channel tiles; z: groups. The last tile computes
// its tokens past M on zeros and does not store them.
extern "C" __global__ void __launch_bounds__(kThreads, kCtasPerSm)  // bounds registers
    quik_linear_w8a8_f16_n192k512f16_t32x16x128s6_sm80_344bb7e2(
        const uint8_t* __restrict__ weights,  // [kChannelBlocks][kBaseSegments] blocks of 8-bit codes
        const uint8_t* __restrict__ column_meta,  // [kChannelBlocks * 16] {s_w, R, bias, 0} in FP32
        const uint8_t* __restrict__ outlier_weights,  // [kChannelBlocks][kOutlierSegments] blocks of f16
        const uint8_t* __restrict__ codes,  // [M][kBaseSegments * kSegmentBytes], 8-bit codes
        const uint8_t* __restrict__ row_meta,  // [M] {s_a, z} in FP32
        const uint8_t* __restrict__ outlier_rows,  // [M][kOutlierSegments * kSegmentBytes], f16
        const uint8_t* residual,  // [M][kN] f16, added before y is rounded; may be y itself
        uint8_t* y,  // [M][kN] f16
        int M) {
  extern __shared__ uint4 shared_memory[];
  const uint32_t shared = static_cast<uint32_t>(__cvta_generic_to_shared(shared_memory));
  const uint32_t thread = threadIdx.x, lane = thread % 32, group = lane / 4, quad = lane % 4;
  const uint32_t warp = thread / 32, warp_n = warp / kWarpsM, warp_m = warp % kWarpsM;
  const int first_block = blockIdx.y * (kTileN / 16);  // of 16 channels
  const int first_token = (blockIdx.z * kGroup + blockIdx.x) * kTileM;
  if (first_token >= M) return;  // all of the CTA: the last group is not full
  int acc[kWarpBlocks][kWarpGroups][4] = {};
  float out[kWarpBlocks][kWarpGroups][4];

  // load: starts the copies of one K step of an operand pair of `segments` segments into a stage. Channels
  // past kN, tokens past M and segments past the end arrive as zeros.
  const auto load = [&](const uint8_t* blocks, const uint8_t* rows, int segments, int step, uint32_t stage) {
#pragma unroll
    for (int i = 0; i < (kStepBlocks + kWarps - 1) / kWarps; ++i) {
      const int block = i * kWarps + warp;
      if (kStepBlocks % kWarps != 0 && block >= kStepBlocks) break;
      const int n_block = first_block + block / kStepSegments;
      const int segment = step * kStepSegments + block % kStepSegments;
      const uint32_t source = static_cast<uint32_t>(n_block * segments + segment) * kBlockBytes + lane * 16;
      const bool inside = n_block < kChannelBlocks && segment < segments;
      copy_async(shared + stage + block * kBlockBytes + lane * 16, blocks + source, inside ? 16 : 0);
    }
#pragma unroll
    for (int i = 0; i < (kStepRowChunks + kThreads - 1) / kThreads; ++i) {
      const int place = i * kThreads + thread, row = place / kRowChunks, chunk = place % kRowChunks;
      if (kStepRowChunks % kThreads != 0 && place >= kStepRowChunks) break;
      const int m = first_token + row, byte = step * kRowBytes + chunk * 16;
      const uint8_t* source = rows + int64_t{m} * (segments * kSegmentBytes) + byte;
      copy_async(shared + stage + kStepBlocks * kBlockBytes + swizzle<kRowChunks>(row, chunk * 16), source,
                 m < M && byte < segments * kSegmentBytes ? 16 : 0);
    }
  };

  // multiply: the MMAs of the first `segments` segments of a stage, into `tile` (acc or out).
  const auto multiply = [&](uint32_t stage, int segments, auto& tile, auto mma) {
#pragma unroll
    for (int segment = 0; segment < kStepSegments; ++segment) {
      if (segment >= segments) break;
      uint4 a[kWarpBlocks];
#pragma unroll
      for (int i = 0; i < kWarpBlocks; ++i) {
        const int block = (warp_n * kWarpBlocks + i) * kStepSegments + segment;
        a[i] = shared_memory[(stage + block * kBlockBytes) / 16 + lane];  // a whole fragment, by layout
      }
#pragma unroll
      for (int j = 0; j < kWarpGroups; j += 2) {
        uint32_t b[2][2];
        const int row = (warp_m * kWarpGroups + j + lane / 16) * 8 + lane % 8;
        const int byte = segment * kSegmentBytes + lane / 8 % 2 * 16;
        load_rows(b, shared + stage + kStepBlocks * kBlockBytes + swizzle<kRowChunks>(row, byte));
#pragma unroll
        for (int i = 0; i < kWarpBlocks; ++i) {
          mma(tile[i][j], a[i], b[0]);
          mma(tile[i][j + 1], a[i], b[1]);
        }
      }
    }
  };

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

  // store: FP32 tile + residual -> f16, rounded once -> shared memory, token-major -> coalesced to y. 8 x 8 transposes
  // turn channel `group` of tokens 2 * quad, + 1 into token `group`, channels 2 * quad, + 1: a word of the tile.
  const auto store = [&] {
    wait_for_copies<0>();
    __syncthreads();  // no copy is in flight and every warp has read its operands: the tile may lie over them
    uint8_t* tile = reinterpret_cast<uint8_t*>(shared_memory) + kMetaBytes;
    for_each_piece([&](int byte, int64_t source, bool inside) {
      *reinterpret_cast<Piece*>(tile + byte) = inside ? *reinterpret_cast<const Piece*>(residual + source) : Piece{};
    });
    __syncthreads();  // the residual's tile is complete; each lane replaces the words it reads
#pragma unroll
    for (int i = 0; i < 2 * kWarpBlocks; ++i) {  // 8 channels x all tokens of the warp
      const int channel = (warp_n * kWarpBlocks + i / 2) * 16 + i % 2 * 8 + 2 * quad;
      const auto word = [&](int j) {
        const int byte = swizzle<kTileN / 8>((warp_m * kWarpGroups + j) * 8 + group, channel * 2);
        return reinterpret_cast<uint32_t*>(tile + byte);
      };
      uint32_t added[kWarpGroups];  // loaded before the first store, behind which they would have to wait
#pragma unroll
      for (int j = 0; j < kWarpGroups; ++j) added[j] = *word(j);
#pragma unroll
      for (int j = 0; j < kWarpGroups; ++j) {
        const float* pair = &out[i / 2][j][i % 2 * 2];
        const float2 add = unpack_pair(transpose_8x8(added[j]));
        *word(j) = transpose_8x8(pack_pair(pair[0] + add.x, pair[1] + add.y));
      }
    }
    __syncthreads();  // the output tile is complete
    for_each_piece([&](int byte, int64_t target, bool inside) {
      if (inside) *reinterpret_cast<Piece*>(y + target) = *reinterpret_cast<const Piece*>(tile + byte);
    });
  };

  // Steps 0 … kBaseSteps - 1 are base columns, the rest outlier columns; both flow through one ring.
  const auto load_step = [&](int step) {
    const uint32_t stage = kMetaBytes + step % kStages * kStageBytes;
    if (step < kBaseSteps) {
      load(weights, codes, kBaseSegments, step, stage);
    } else if (step < kBaseSteps + kOutlierSteps) {
      load(outlier_weights, outlier_rows, kOutlierSegments, step - kBaseSteps, stage);
    }
    asm volatile("cp.async.commit_group;" ::: "memory");  // also an empty one: waiting counts groups
  };
  // Hands out the stage of `step`, and starts to refill the one that was used the step before.
  const auto next_stage = [&](int step) {
    wait_for_copies<kStages - 2>();
    __syncthreads();  // all threads' copies of `step` have landed; all warps are done with step - 1
    load_step(step + kStages - 1);
    return static_cast<uint32_t>(kMetaBytes + step % kStages * kStageBytes);
  };

  load_meta();  // joins the group of step 0
  for (int step = 0; step < kStages - 1; ++step) load_step(step);
#pragma unroll 1
  for (int step = 0; step < kBaseSteps; ++step) {
    multiply(next_stage(step), kBaseSegments - step * kStepSegments, acc, multiply_codes);
  }
  dequantise();
  // Outlier column f joins in step kBaseSteps + f / 16 / kStepSegments, in every warp on its own tile.
#pragma unroll 1
  for (int step = 0; step < kOutlierSteps; ++step) {
    const uint32_t stage = next_stage(kBaseSteps + step);
    multiply(stage, kOutlierSegments - step * kStepSegments, out, multiply_outliers);
  }
  store();
}
