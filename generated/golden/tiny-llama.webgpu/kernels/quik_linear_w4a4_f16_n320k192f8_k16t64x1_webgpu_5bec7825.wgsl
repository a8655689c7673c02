// quik_linear_w4a4_f16_n320k192f8_k16t64x1_webgpu_5bec7825
// y[M, N] = dequantised(codes * weights) + outlier_rows * outlier_weights + bias (+ residual), one kernel.
// A workgroup computes 4 * kChannelThreads channels x kTokens tokens.
// serves     layers.0-3.self_attn.qkv_proj (w4a4, 8 outlier columns, f16)
// why        M = 1: modelled 0.6 us at M = 1, 60 % of the roofline: loads 0.5, DRAM 0.3 us
// why        best on Arc-140V of 26 legal schedules; next 0.6 us: t32x1 16x8 threads along K packed
// made by    quikc <version>, templates <digest>, spec 5bec78258f68

// ---- The problem ---------------------------------------------------------------------------------
const kN = 320u;  // output channels
const kBlocks = 20u;  // of 16 channels, the last one padded with zeros
const kBaseSegments = 3u;  // of 256 bits of codes, padded with code 0
const kOutlierSegments = 1u;  // of 16 outlier columns, padded with value 0
const kHalf = 8.0;  // 2^(bits - 1): what a code is off from the quantised level

// ---- The schedule --------------------------------------------------------------------------------
const kLanes = 16u;  // that share K
const kChannelThreads = 16u;  // of 4 channels each
const kTokens = 1u;

// ---- Bindings: layouts as in docs/layouts.md -----------------------------------------------------
@group(0) @binding(0) var<uniform> M: u32;  // tokens
@group(0) @binding(1) var<storage, read> weights: array<vec4<u32>>;  // base weight codes
@group(0) @binding(2) var<storage, read> column_meta: array<vec4<f32>>;  // {s_w, R, bias, 0} per output channel; R = s_w * sum of its base codes
@group(0) @binding(3) var<storage, read> outlier_weights: array<vec4<u32>>;  // weights of the outlier columns, in the order of outlier_rows
@group(0) @binding(4) var<storage, read> codes: array<u32>;  // activation codes of the base columns
@group(0) @binding(5) var<storage, read> row_meta: array<vec2<f32>>;  // {scale, minimum} of a token row; {NaN, NaN} makes its output NaN
@group(0) @binding(6) var<storage, read> outlier_rows: array<u32>;  // activations of the outlier columns, zero-padded to a multiple of 16
@group(0) @binding(7) var<storage, read_write> y: array<u32>;  // the result

// Two f16 values in a word, the lower first.
alias Pair = u32;

// As f32: exact.
fn unpack_pair(pair: Pair) -> vec2<f32> {
  return unpack2x16float(pair);
}

// An f32 as f16 bits, to nearest, ties to even: WGSL's own conversion may round either way.
fn round_16(value: f32) -> u32 {
  let bits = bitcast<u32>(value);
  let sign = (bits >> 16u) & 0x8000u;
  let size = bits & 0x7fffffffu;
  if (size > 0x7f800000u) { return 0x7fffu; }  // NaN
  if (size >= 0x477ff000u) { return sign | 0x7c00u; }  // 65520 and beyond: infinity
  if (size < 0x38800000u) {  // below 2^-14: adding 0.5 leaves a multiple of 2^-24, the subnormals' unit
    return sign | (bitcast<u32>(bitcast<f32>(size) + 0.5) - 0x3f000000u);
  }
  return sign | ((size - 0x38000000u + 0xfffu + ((size >> 13u) & 1u)) >> 13u);
}

fn pack_pair(pair: vec2<f32>) -> u32 {
  return round_16(pair.x) | (round_16(pair.y) << 16u);
}

// Signed nibbles as signed bytes of 16 times their value: the odd ones where they stand, the even ones shifted up. A
// product of two such bytes is 256 times that of the codes.
struct Weights {
  odd: vec4<u32>,
  even: vec4<u32>,
}

fn prepare(words: vec4<u32>) -> Weights {
  return Weights(words & vec4<u32>(0xf0f0f0f0u), (words << vec4<u32>(4u)) & vec4<u32>(0xf0f0f0f0u));
}

fn dot_word(odd: u32, even: u32, codes: u32) -> i32 {
  return dot4I8Packed(odd, codes & 0xf0f0f0f0u) + dot4I8Packed(even, (codes << 4u) & 0xf0f0f0f0u);
}

// Channels g and g + 8 (x, y) over one word of codes each from the first and the second half of a segment.
fn dot_pair(w: Weights, first: u32, second: u32) -> vec2<i32> {
  return vec2<i32>(
    dot_word(w.odd.x, w.even.x, first) + dot_word(w.odd.z, w.even.z, second),
    dot_word(w.odd.y, w.even.y, first) + dot_word(w.odd.w, w.even.w, second),
  );
}

// The exact sum of code products.
fn settle(sums: vec4<i32>) -> vec4<f32> {
  return vec4<f32>(sums >> vec4<u32>(8u));
}

// A lane's share of channels n, n + 8, n + 1, n + 9 for one token: code products, and the outlier columns.
struct Share {
  sums: vec4<i32>,
  outliers: vec4<f32>,
}

var<workgroup> scratch: array<Share, kLanes * kChannelThreads>;

// What the lanes of a row of the workgroup have together, in a tree; every lane gets it.
fn add_lanes(share: Share, lane: u32, thread: u32) -> Share {
  scratch[thread] = share;
  workgroupBarrier();  // before the first shares are read
  for (var half = kLanes / 2u; half > 0u; half /= 2u) {
    if (lane < half) {
      let other = scratch[thread + half];
      scratch[thread] = Share(scratch[thread].sums + other.sums, scratch[thread].outliers + other.outliers);
    }
    workgroupBarrier();  // before this round's results are read
  }
  let whole = scratch[thread - lane];
  workgroupBarrier();  // all have read before `scratch` is used again
  return whole;
}

// ---- Kernel --------------------------------------------------------------------------------------
// kLanes threads compute channels n, n + 1, n + 8, n + 9 of a block (g = n % 16 is even) for kTokens tokens. A step is the words
// t and t + 4 of a row's 256 bits; a lane takes every kLanes-th. Threads past the last block repeat it, for barriers need
// them all, and store nothing; tokens past M repeat the last.
@compute @workgroup_size(kLanes, kChannelThreads)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>,
        @builtin(local_invocation_index) thread: u32) {
  let place = workgroup.x * kChannelThreads + local.y;
  let block = min(place / 4u, kBlocks - 1u);
  let g = 2u * (place % 4u);
  let first = workgroup.y * kTokens;
  let row0 = min(first + 0u, M - 1u);
  var sums0 = vec4<i32>();
  var share0 = vec4<f32>();

  for (var step = local.x; step < 4u * kBaseSegments; step += kLanes) {
    let at = (block * kBaseSegments + step / 4u) * 32u + g * 4u + step % 4u;
    let w = prepare(weights[at]);
    let v = prepare(weights[at + 4u]);
    let at0 = (row0 * kBaseSegments + step / 4u) * 8u + step % 4u;
    sums0 += vec4<i32>(dot_pair(w, codes[at0], codes[at0 + 4u]),
      dot_pair(v, codes[at0], codes[at0 + 4u]));
  }

  for (var step = local.x; step < 4u * kOutlierSegments; step += kLanes) {
    let at = (block * kOutlierSegments + step / 4u) * 32u + g * 4u + step % 4u;
    let w = outlier_weights[at];
    let v = outlier_weights[at + 4u];
    let low = array(unpack_pair(w[0]), unpack_pair(w[1]), unpack_pair(v[0]), unpack_pair(v[1]));
    let high = array(unpack_pair(w[2]), unpack_pair(w[3]), unpack_pair(v[2]), unpack_pair(v[3]));
    let columns = mat4x4<f32>(low[0].x, low[1].x, low[2].x, low[3].x, low[0].y, low[1].y, low[2].y, low[3].y,
      high[0].x, high[1].x, high[2].x, high[3].x, high[0].y, high[1].y, high[2].y, high[3].y);
    let at0 = (row0 * kOutlierSegments + step / 4u) * 8u + step % 4u;
    share0 += columns
      * vec4<f32>(unpack_pair(outlier_rows[at0]), unpack_pair(outlier_rows[at0 + 4u]));
  }

  // Dequantise: y = sums * s_a * s_w + (z + half * s_a) * R.
  let n = block * 16u + g;
  let meta0 = column_meta[n];
  let meta1 = column_meta[n + 8u];
  let meta2 = column_meta[n + 1u];
  let meta3 = column_meta[n + 9u];
  let scale = vec4<f32>(meta0.x, meta1.x, meta2.x, meta3.x);
  let reduced = vec4<f32>(meta0.y, meta1.y, meta2.y, meta3.y);
  let bias = vec4<f32>(meta0.z, meta1.z, meta2.z, meta3.z);
  let stores = local.x == 0u && place / 4u < kBlocks;
  let whole0 = add_lanes(Share(sums0, share0), local.x, thread);
  if (stores && first + 0u < M) {
    let own = row_meta[row0];
    let dequantised = settle(whole0.sums) * (own.x * scale) + (own.y + kHalf * own.x) * reduced;
    store(row0, n, dequantised + whole0.outliers + bias);
  }
}

// Two words of y, channels n, n + 1 and n + 8, n + 9, unless they are padding.
fn store(row: u32, n: u32, value: vec4<f32>) {
  let at = (row * kN + n) / 2u;
  if (n < kN) { y[at] = pack_pair(value.xz); }
  if (n + 8u < kN) { y[at + 4u] = pack_pair(value.yw); }
}
