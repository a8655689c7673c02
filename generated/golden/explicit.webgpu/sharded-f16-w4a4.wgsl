enable f16;

// quik_linear_w4a4_f16_n57344k8192f256_t64x8r1_halves_webgpu_ee25afb7
// y[M, N] = dequantised(codes * weights) + outlier_rows * outlier_weights + bias (+ residual), one kernel.
// A workgroup computes 4 * kChannelThreads channels x kTokenThreads * kTokens tokens.
// A dispatch computes a part of the channels: no binding holds all the weights.
// serves     test (test)
// why        chosen by a test
// made by    quikc test, templates test, spec ee25afb73216

// ---- The problem ---------------------------------------------------------------------------------
const kN = 57344u;  // output channels
const kBlocks = 3584u;  // of 16 channels, the last one padded with zeros
const kBaseSegments = 124u;  // of 256 bits of codes, padded with code 0
const kOutlierSegments = 16u;  // of 16 outlier columns, padded with value 0
const kHalf = 8.0;  // 2^(bits - 1): what a code is off from the quantised level

// ---- The schedule --------------------------------------------------------------------------------
const kChannelThreads = 16u;  // of 4 channels each
const kTokenThreads = 8u;  // of kTokens tokens each
const kTokens = 1u;

// ---- Bindings: layouts as in docs/layouts.md -----------------------------------------------------
@group(0) @binding(0) var<uniform> M: u32;  // tokens
@group(0) @binding(8) var<uniform> first_block: u32;  // that this dispatch's part of the weights starts with
@group(0) @binding(1) var<storage, read> weights: array<vec4<u32>>;  // base weight codes
@group(0) @binding(2) var<storage, read> column_meta: array<vec4<f32>>;  // {s_w, R, bias, 0} per output channel; R = s_w * sum of its base codes
@group(0) @binding(3) var<storage, read> outlier_weights: array<mat4x2<f16>>;  // weights of the outlier columns, in the order of outlier_rows
@group(0) @binding(4) var<storage, read> codes: array<vec4<u32>>;  // activation codes of the base columns
@group(0) @binding(5) var<storage, read> row_meta: array<vec2<f32>>;  // {scale, minimum} of a token row; {NaN, NaN} makes its output NaN
@group(0) @binding(6) var<storage, read> outlier_rows: array<mat4x2<f16>>;  // activations of the outlier columns, zero-padded to a multiple of 16
@group(0) @binding(7) var<storage, read_write> y: array<u32>;  // the result

alias Pair = vec2<f16>;

// As f32, in which all sums are: exact.
fn unpack_pair(pair: Pair) -> vec2<f32> {
  return vec2<f32>(pair);
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

// ---- Kernel --------------------------------------------------------------------------------------
// A thread computes channels n, n + 1, n + 8, n + 9 of a block (g = n % 16 is even) for kTokens tokens, in registers; it
// writes pairs of channels, so no two threads touch a word of y. A block of weights has, for g and t in 0...3, the words t and
// t + 4 of channels g and g + 8: {g: t, g + 8: t, g: t + 4, g + 8: t + 4}. Tokens past M repeat the last and are not stored.
@compute @workgroup_size(kChannelThreads, kTokenThreads)
fn main(@builtin(global_invocation_id) thread: vec3<u32>) {
  let block = thread.x / 4u;
  let g = 2u * (thread.x % 4u);
  let first = thread.y * kTokens;
  if (first_block + block >= kBlocks || first >= M) { return; }
  let row0 = min(first + 0u, M - 1u);
  var sums0 = vec4<i32>();  // channels n, n + 8, n + 1, n + 9

  for (var segment = 0u; segment < kBaseSegments; segment++) {
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

  // Dequantise: y = sums * s_a * s_w + (z + half * s_a) * R.
  let n = (first_block + block) * 16u + g;
  let meta0 = column_meta[n];
  let meta1 = column_meta[n + 8u];
  let meta2 = column_meta[n + 1u];
  let meta3 = column_meta[n + 9u];
  let scale = vec4<f32>(meta0.x, meta1.x, meta2.x, meta3.x);
  let reduced = vec4<f32>(meta0.y, meta1.y, meta2.y, meta3.y);
  let bias = vec4<f32>(meta0.z, meta1.z, meta2.z, meta3.z);
  let row_meta0 = row_meta[row0];
  var out0 = settle(sums0) * (row_meta0.x * scale)
    + (row_meta0.y + kHalf * row_meta0.x) * reduced;

  // Outlier columns, two a word, onto the same registers.
  for (var segment = 0u; segment < kOutlierSegments; segment++) {
    let low0 = outlier_rows[2u * (row0 * kOutlierSegments + segment)];
    let high0 = outlier_rows[2u * (row0 * kOutlierSegments + segment) + 1u];
    let at = (block * kOutlierSegments + segment) * 32u + g * 4u;
    for (var word = 0u; word < 4u; word++) {
      let w = outlier_weights[at + word];
      let v = outlier_weights[at + word + 4u];
      let low = array(unpack_pair(w[0]), unpack_pair(w[1]), unpack_pair(v[0]), unpack_pair(v[1]));
      let high = array(unpack_pair(w[2]), unpack_pair(w[3]), unpack_pair(v[2]), unpack_pair(v[3]));
      {
        let a = unpack_pair(low0[word]);
        let b = unpack_pair(high0[word]);
        out0 += a.x * vec4<f32>(low[0].x, low[1].x, low[2].x, low[3].x);
        out0 += a.y * vec4<f32>(low[0].y, low[1].y, low[2].y, low[3].y);
        out0 += b.x * vec4<f32>(high[0].x, high[1].x, high[2].x, high[3].x);
        out0 += b.y * vec4<f32>(high[0].y, high[1].y, high[2].y, high[3].y);
      }
    }
  }

  if (first + 0u < M) { store(row0, n, out0 + bias); }
}

// Two words of y, channels n, n + 1 and n + 8, n + 9, unless they are padding.
fn store(row: u32, n: u32, value: vec4<f32>) {
  let at = (row * kN + n) / 2u;
  if (n < kN) { y[at] = pack_pair(value.xz); }
  if (n + 8u < kN) { y[at + 4u] = pack_pair(value.yw); }
}
