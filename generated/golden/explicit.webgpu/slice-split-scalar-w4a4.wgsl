// quik_linear_w4a4_f16_n192k576f8_s4t128x1_scalar_webgpu_b58842bb
// y[M, N] = dequantised(codes * weights) + outlier_rows * outlier_weights + bias (+ residual), two dispatches.
// A workgroup computes the shares of a slice of K in 4 * kChannelThreads channels x kTokens tokens, or adds them up.
// serves     test (test)
// why        chosen by a test
// made by    quikc test, templates test, spec b58842bbef93

// ---- The problem ---------------------------------------------------------------------------------
const kN = 192u;  // output channels
const kBlocks = 12u;  // of 16 channels, the last one padded with zeros
const kBaseSegments = 9u;  // of 256 bits of codes, padded with code 0
const kOutlierSegments = 1u;  // of 16 outlier columns, padded with value 0
const kHalf = 8.0;  // 2^(bits - 1): what a code is off from the quantised level

// ---- The schedule --------------------------------------------------------------------------------
const kSlices = 4u;  // of K, each with threads of its own
const kChannelThreads = 32u;  // of 4 channels each
const kTokens = 1u;
const kShare = 2u;  // vectors that a slice has for 4 channels of a token: code sums, bits of outlier sums

// ---- Bindings: layouts as in docs/layouts.md -----------------------------------------------------
@group(0) @binding(0) var<uniform> M: u32;  // tokens
@group(0) @binding(1) var<storage, read> weights: array<vec4<u32>>;  // base weight codes
@group(0) @binding(2) var<storage, read> column_meta: array<vec4<f32>>;  // {s_w, R, bias, 0} per output channel; R = s_w * sum of its base codes
@group(0) @binding(3) var<storage, read> outlier_weights: array<vec4<u32>>;  // weights of the outlier columns, in the order of outlier_rows
@group(0) @binding(4) var<storage, read> codes: array<vec4<u32>>;  // activation codes of the base columns
@group(0) @binding(5) var<storage, read> row_meta: array<vec2<f32>>;  // {scale, minimum} of a token row; {NaN, NaN} makes its output NaN
@group(0) @binding(6) var<storage, read> outlier_rows: array<vec4<u32>>;  // activations of the outlier columns, zero-padded to a multiple of 16
@group(0) @binding(7) var<storage, read_write> y: array<u32>;  // the result
@group(0) @binding(8) var<storage, read_write> workspace: array<vec4<i32>>;  // shares of the slices of K: scratch between the two dispatches

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

// The eight signed nibbles of a word.
struct Codes {
  low: vec4<i32>,
  high: vec4<i32>,
}

fn unpack_codes(word: u32) -> Codes {
  let nibbles = vec4<u32>(word);
  return Codes(bitcast<vec4<i32>>(nibbles << vec4<u32>(28u, 24u, 20u, 16u)) >> vec4<u32>(28u),
    bitcast<vec4<i32>>(nibbles << vec4<u32>(12u, 8u, 4u, 0u)) >> vec4<u32>(28u));
}

alias Weights = array<Codes, 4>;

fn prepare(words: vec4<u32>) -> Weights {
  return array(unpack_codes(words.x), unpack_codes(words.y), unpack_codes(words.z), unpack_codes(words.w));
}

fn dot_word(a: Codes, b: Codes) -> i32 {
  return dot(a.low, b.low) + dot(a.high, b.high);
}

// Channels g and g + 8 (x, y) over one word of codes each from the first and the second half of a segment.
fn dot_pair(w: Weights, first: u32, second: u32) -> vec2<i32> {
  let a = unpack_codes(first);
  let b = unpack_codes(second);
  return vec2<i32>(dot_word(w[0], a) + dot_word(w[2], b), dot_word(w[1], a) + dot_word(w[3], b));
}

// The exact sum of code products.
fn settle(sums: vec4<i32>) -> vec4<f32> {
  return vec4<f32>(sums);
}

// Where `workspace` has what a slice contributes to channels n, n + 8, n + 1, n + 9 of a token; `place` counts by 4 channels.
fn share_at(slice: u32, row: u32, place: u32) -> u32 {
  return ((slice * M + row) * 4u * kBlocks + place) * kShare;
}

// ---- First dispatch ------------------------------------------------------------------------------
// A thread walks its slice of the base columns, then of the outlier columns, for 4 channels of a block (g = n % 16 is even) and
// kTokens tokens, as the register tile does. Tokens past M repeat the last and are not stored.
@compute @workgroup_size(kChannelThreads)
fn multiply(@builtin(global_invocation_id) thread: vec3<u32>) {
  let block = thread.x / 4u;
  let g = 2u * (thread.x % 4u);
  let first = thread.y * kTokens;
  let slice = thread.z;
  let place = thread.x;
  if (place >= 4u * kBlocks) { return; }
  let row0 = min(first + 0u, M - 1u);
  var sums0 = vec4<i32>();

  let past = (slice + 1u) * kBaseSegments / kSlices;
  for (var segment = slice * kBaseSegments / kSlices; segment < past; segment++) {
    let low0 = codes[2u * (row0 * kBaseSegments + segment)];
    let high0 = codes[2u * (row0 * kBaseSegments + segment) + 1u];
    let at = (block * kBaseSegments + segment) * 32u + g * 4u;
    {
      let w = prepare(weights[at + 0u]);
      let v = prepare(weights[at + 0u + 4u]);
      sums0 += vec4<i32>(dot_pair(w, low0.x, high0.x),
        dot_pair(v, low0.x, high0.x));
    }
    {
      let w = prepare(weights[at + 1u]);
      let v = prepare(weights[at + 1u + 4u]);
      sums0 += vec4<i32>(dot_pair(w, low0.y, high0.y),
        dot_pair(v, low0.y, high0.y));
    }
    {
      let w = prepare(weights[at + 2u]);
      let v = prepare(weights[at + 2u + 4u]);
      sums0 += vec4<i32>(dot_pair(w, low0.z, high0.z),
        dot_pair(v, low0.z, high0.z));
    }
    {
      let w = prepare(weights[at + 3u]);
      let v = prepare(weights[at + 3u + 4u]);
      sums0 += vec4<i32>(dot_pair(w, low0.w, high0.w),
        dot_pair(v, low0.w, high0.w));
    }
  }
  if (first + 0u < M) { workspace[share_at(slice, row0, place)] = sums0; }

  var share0 = vec4<f32>();
  let last = 4u * ((slice + 1u) * kOutlierSegments / kSlices);
  for (var step = 4u * (slice * kOutlierSegments / kSlices); step < last; step++) {
    let at = (block * kOutlierSegments + step / 4u) * 32u + g * 4u + step % 4u;
    let w = outlier_weights[at];
    let v = outlier_weights[at + 4u];
    let low = array(unpack_pair(w[0]), unpack_pair(w[1]), unpack_pair(v[0]), unpack_pair(v[1]));
    let high = array(unpack_pair(w[2]), unpack_pair(w[3]), unpack_pair(v[2]), unpack_pair(v[3]));
    let columns = mat4x4<f32>(low[0].x, low[1].x, low[2].x, low[3].x, low[0].y, low[1].y, low[2].y, low[3].y,
      high[0].x, high[1].x, high[2].x, high[3].x, high[0].y, high[1].y, high[2].y, high[3].y);
    let at0 = 2u * (row0 * kOutlierSegments + step / 4u);
    share0 += columns * vec4<f32>(unpack_pair(outlier_rows[at0][step % 4u]),
      unpack_pair(outlier_rows[at0 + 1u][step % 4u]));
  }
  if (first + 0u < M) { workspace[share_at(slice, row0, place) + 1u] = bitcast<vec4<i32>>(share0); }
}

// ---- Second dispatch -----------------------------------------------------------------------------
// A thread adds up the shares of 4 channels of a token, slice after slice: in the same order every time.
@compute @workgroup_size(kChannelThreads)
fn finish(@builtin(global_invocation_id) thread: vec3<u32>) {
  let place = thread.x;
  let row = thread.y;
  if (place >= 4u * kBlocks) { return; }
  var sums = vec4<i32>();
  var outliers = vec4<f32>();
  for (var slice = 0u; slice < kSlices; slice++) {
    sums += workspace[share_at(slice, row, place)];
    outliers += bitcast<vec4<f32>>(workspace[share_at(slice, row, place) + 1u]);
  }

  // Dequantise: y = sums * s_a * s_w + (z + half * s_a) * R.
  let n = place / 4u * 16u + 2u * (place % 4u);
  let meta0 = column_meta[n];
  let meta1 = column_meta[n + 8u];
  let meta2 = column_meta[n + 1u];
  let meta3 = column_meta[n + 9u];
  let scale = vec4<f32>(meta0.x, meta1.x, meta2.x, meta3.x);
  let reduced = vec4<f32>(meta0.y, meta1.y, meta2.y, meta3.y);
  let bias = vec4<f32>(meta0.z, meta1.z, meta2.z, meta3.z);
  let own = row_meta[row];
  let dequantised = settle(sums) * (own.x * scale) + (own.y + kHalf * own.x) * reduced;
  store(row, n, dequantised + outliers + bias);
}

// Two words of y, channels n, n + 1 and n + 8, n + 9, unless they are padding.
fn store(row: u32, n: u32, value: vec4<f32>) {
  let at = (row * kN + n) / 2u;
  if (n < kN) { y[at] = pack_pair(value.xz); }
  if (n + 8u < kN) { y[at + 4u] = pack_pair(value.yw); }
}
