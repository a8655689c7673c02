enable subgroups;

// quik_linear_w8a8_bf16_n192k576f8_t256x8b8_floats_webgpu_5f9ee58b
// y[M, N] = dequantised(codes * weights) + outlier_rows * outlier_weights + bias (+ residual), one kernel.
// A workgroup computes 4 * kThreads channels x kTokens tokens.
// serves     test (test)
// why        chosen by a test
// made by    quikc test, templates test, spec 5f9ee58b32e9

// ---- The problem ---------------------------------------------------------------------------------
const kN = 192u;  // output channels
const kBlocks = 12u;  // of 16 channels, the last one padded with zeros
const kBaseSegments = 18u;  // of 256 bits of codes, padded with code 0
const kOutlierSegments = 1u;  // of 16 outlier columns, padded with value 0
const kHalf = 128.0;  // 2^(bits - 1): what a code is off from the quantised level

// ---- The schedule --------------------------------------------------------------------------------
const kThreads = 64u;  // of 4 channels each
const kTokens = 8u;  // of a thread
const kSteps = 4u * kBaseSegments;  // of K, each two words of a row
const kStepsPerFold = 72u;  // their products are summed exactly before they are folded
const kLanes = 8u;  // of a subgroup, at least: each loads the token rows of its own

// ---- Bindings: layouts as in docs/layouts.md -----------------------------------------------------
@group(0) @binding(0) var<uniform> M: u32;  // tokens
@group(0) @binding(1) var<storage, read> weights: array<vec4<u32>>;  // base weight codes
@group(0) @binding(2) var<storage, read> column_meta: array<vec4<f32>>;  // {s_w, R, bias, 0} per output channel; R = s_w * sum of its base codes
@group(0) @binding(3) var<storage, read> outlier_weights: array<vec4<u32>>;  // weights of the outlier columns, in the order of outlier_rows
@group(0) @binding(4) var<storage, read> codes: array<u32>;  // activation codes of the base columns
@group(0) @binding(5) var<storage, read> row_meta: array<vec2<f32>>;  // {scale, minimum} of a token row; {NaN, NaN} makes its output NaN
@group(0) @binding(6) var<storage, read> outlier_rows: array<u32>;  // activations of the outlier columns, zero-padded to a multiple of 16
@group(0) @binding(7) var<storage, read> residual: array<u32>;  // added to y in f32; not y itself, which WebGPU forbids
@group(0) @binding(8) var<storage, read_write> y: array<u32>;  // the result

// Two bf16 values in a word, the lower first.
alias Pair = u32;

// As f32: exact.
fn unpack_pair(pair: Pair) -> vec2<f32> {
  return vec2<f32>(bitcast<f32>(pair << 16u), bitcast<f32>(pair & 0xffff0000u));
}

// An f32 as bf16 bits, to nearest, ties to even.
fn round_16(value: f32) -> u32 {
  let bits = bitcast<u32>(value);
  if ((bits & 0x7fffffffu) > 0x7f800000u) { return 0x7fffu; }  // NaN
  return (bits + 0x7fffu + ((bits >> 16u) & 1u)) >> 16u;
}

fn pack_pair(pair: vec2<f32>) -> u32 {
  return round_16(pair.x) | (round_16(pair.y) << 16u);
}

// Products of two codes are at most 2^14 in size: an f32 adds 1024 of them exactly.
const kStart = vec4<f32>();

// Four codes of channels n, n + 8, n + 1, n + 9.
alias Quad = mat4x4<f32>;

fn code_quad(word: u32) -> vec4<f32> {
  return vec4<f32>(bitcast<vec4<i32>>(vec4<u32>(word) << vec4<u32>(24u, 16u, 8u, 0u)) >> vec4<u32>(24u));
}

fn prepare_weights(w: vec4<u32>, v: vec4<u32>) -> array<Quad, 2> {
  return array<Quad, 2>(  // the type spelt out: naga finds another for matrices
    transpose(Quad(code_quad(w.x), code_quad(w.y), code_quad(v.x), code_quad(v.y))),
    transpose(Quad(code_quad(w.z), code_quad(w.w), code_quad(v.z), code_quad(v.w))),
  );
}

fn prepare_codes(low: u32, high: u32) -> array<vec4<f32>, 2> {
  return array(code_quad(low), code_quad(high));
}

fn multiply(w: Quad, codes: vec4<f32>) -> vec4<f32> {
  return w * codes;
}

fn fold(sums: vec4<f32>) -> vec4<u32> {
  return bitcast<vec4<u32>>(vec4<i32>(sums));
}

// The exact sums of code products.
fn settle(totals: vec4<u32>) -> vec4<f32> {
  return vec4<f32>(bitcast<vec4<i32>>(totals));
}

// ---- Kernel --------------------------------------------------------------------------------------
// A thread computes channels n, n + 1, n + 8, n + 9 of a block (g = n % 16 is even) for kTokens tokens. A step takes from
// each row of 256 bits the words t and t + 4; of the tokens' rows a lane loads and unpacks every kLanes-th, and all lanes get
// it from there. Broadcasts need every lane, so threads past the last block repeat it, and store nothing; tokens past M
// repeat the last.
@compute @workgroup_size(kThreads)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) thread: u32,
        @builtin(subgroup_invocation_id) invocation: u32) {
  let place = workgroup.x * kThreads + thread;
  let block = min(place / 4u, kBlocks - 1u);
  let g = 2u * (place % 4u);
  let first = workgroup.y * kTokens;
  let own0 = min(first + 0u + invocation % kLanes, M - 1u);
  var totals0 = vec4<u32>();
  var totals1 = vec4<u32>();
  var totals2 = vec4<u32>();
  var totals3 = vec4<u32>();
  var totals4 = vec4<u32>();
  var totals5 = vec4<u32>();
  var totals6 = vec4<u32>();
  var totals7 = vec4<u32>();

  for (var start = 0u; start < kSteps; start += kStepsPerFold) {
    var sums0 = kStart;
    var sums1 = kStart;
    var sums2 = kStart;
    var sums3 = kStart;
    var sums4 = kStart;
    var sums5 = kStart;
    var sums6 = kStart;
    var sums7 = kStart;
    for (var i = 0u; i < kStepsPerFold; i++) {
      let step = start + i;
      let at = (block * kBaseSegments + step / 4u) * 32u + g * 4u + step % 4u;
      let w = prepare_weights(weights[at], weights[at + 4u]);
      let at0 = (own0 * kBaseSegments + step / 4u) * 8u + step % 4u;
      let codes0 = prepare_codes(codes[at0], codes[at0 + 4u]);
      sums0 += multiply(w[0], subgroupBroadcast(codes0[0], 0u));
      sums0 += multiply(w[1], subgroupBroadcast(codes0[1], 0u));
      sums1 += multiply(w[0], subgroupBroadcast(codes0[0], 1u));
      sums1 += multiply(w[1], subgroupBroadcast(codes0[1], 1u));
      sums2 += multiply(w[0], subgroupBroadcast(codes0[0], 2u));
      sums2 += multiply(w[1], subgroupBroadcast(codes0[1], 2u));
      sums3 += multiply(w[0], subgroupBroadcast(codes0[0], 3u));
      sums3 += multiply(w[1], subgroupBroadcast(codes0[1], 3u));
      sums4 += multiply(w[0], subgroupBroadcast(codes0[0], 4u));
      sums4 += multiply(w[1], subgroupBroadcast(codes0[1], 4u));
      sums5 += multiply(w[0], subgroupBroadcast(codes0[0], 5u));
      sums5 += multiply(w[1], subgroupBroadcast(codes0[1], 5u));
      sums6 += multiply(w[0], subgroupBroadcast(codes0[0], 6u));
      sums6 += multiply(w[1], subgroupBroadcast(codes0[1], 6u));
      sums7 += multiply(w[0], subgroupBroadcast(codes0[0], 7u));
      sums7 += multiply(w[1], subgroupBroadcast(codes0[1], 7u));
    }
    totals0 += fold(sums0);
    totals1 += fold(sums1);
    totals2 += fold(sums2);
    totals3 += fold(sums3);
    totals4 += fold(sums4);
    totals5 += fold(sums5);
    totals6 += fold(sums6);
    totals7 += fold(sums7);
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
  let meta_own0 = row_meta[own0];
  let row_meta0 = subgroupBroadcast(meta_own0, 0u);
  var out0 = settle(totals0) * (row_meta0.x * scale)
    + (row_meta0.y + kHalf * row_meta0.x) * reduced;
  let row_meta1 = subgroupBroadcast(meta_own0, 1u);
  var out1 = settle(totals1) * (row_meta1.x * scale)
    + (row_meta1.y + kHalf * row_meta1.x) * reduced;
  let row_meta2 = subgroupBroadcast(meta_own0, 2u);
  var out2 = settle(totals2) * (row_meta2.x * scale)
    + (row_meta2.y + kHalf * row_meta2.x) * reduced;
  let row_meta3 = subgroupBroadcast(meta_own0, 3u);
  var out3 = settle(totals3) * (row_meta3.x * scale)
    + (row_meta3.y + kHalf * row_meta3.x) * reduced;
  let row_meta4 = subgroupBroadcast(meta_own0, 4u);
  var out4 = settle(totals4) * (row_meta4.x * scale)
    + (row_meta4.y + kHalf * row_meta4.x) * reduced;
  let row_meta5 = subgroupBroadcast(meta_own0, 5u);
  var out5 = settle(totals5) * (row_meta5.x * scale)
    + (row_meta5.y + kHalf * row_meta5.x) * reduced;
  let row_meta6 = subgroupBroadcast(meta_own0, 6u);
  var out6 = settle(totals6) * (row_meta6.x * scale)
    + (row_meta6.y + kHalf * row_meta6.x) * reduced;
  let row_meta7 = subgroupBroadcast(meta_own0, 7u);
  var out7 = settle(totals7) * (row_meta7.x * scale)
    + (row_meta7.y + kHalf * row_meta7.x) * reduced;

  // Outlier columns, four a step, onto the same registers.
  for (var step = 0u; step < 4u * kOutlierSegments; step++) {
    let at = (block * kOutlierSegments + step / 4u) * 32u + g * 4u + step % 4u;
    let w = outlier_weights[at];
    let v = outlier_weights[at + 4u];
    let low = array(unpack_pair(w[0]), unpack_pair(w[1]), unpack_pair(v[0]), unpack_pair(v[1]));
    let high = array(unpack_pair(w[2]), unpack_pair(w[3]), unpack_pair(v[2]), unpack_pair(v[3]));
    let columns = mat4x4<f32>(low[0].x, low[1].x, low[2].x, low[3].x, low[0].y, low[1].y, low[2].y, low[3].y,
      high[0].x, high[1].x, high[2].x, high[3].x, high[0].y, high[1].y, high[2].y, high[3].y);
    let at0 = (own0 * kOutlierSegments + step / 4u) * 8u + step % 4u;
    let values0 = vec4<f32>(unpack_pair(outlier_rows[at0]), unpack_pair(outlier_rows[at0 + 4u]));
    out0 += columns * subgroupBroadcast(values0, 0u);
    out1 += columns * subgroupBroadcast(values0, 1u);
    out2 += columns * subgroupBroadcast(values0, 2u);
    out3 += columns * subgroupBroadcast(values0, 3u);
    out4 += columns * subgroupBroadcast(values0, 4u);
    out5 += columns * subgroupBroadcast(values0, 5u);
    out6 += columns * subgroupBroadcast(values0, 6u);
    out7 += columns * subgroupBroadcast(values0, 7u);
  }

  if (place / 4u >= kBlocks) { return; }
  if (first + 0u < M) { store(first + 0u, n, out0 + bias); }
  if (first + 1u < M) { store(first + 1u, n, out1 + bias); }
  if (first + 2u < M) { store(first + 2u, n, out2 + bias); }
  if (first + 3u < M) { store(first + 3u, n, out3 + bias); }
  if (first + 4u < M) { store(first + 4u, n, out4 + bias); }
  if (first + 5u < M) { store(first + 5u, n, out5 + bias); }
  if (first + 6u < M) { store(first + 6u, n, out6 + bias); }
  if (first + 7u < M) { store(first + 7u, n, out7 + bias); }
}

// Two words of y, channels n, n + 1 and n + 8, n + 9, unless they are padding; the residual is added in f32.
fn store(row: u32, n: u32, value: vec4<f32>) {
  let at = (row * kN + n) / 2u;
  if (n < kN) { y[at] = pack_pair(value.xz + unpack_pair(residual[at])); }
  if (n + 8u < kN) { y[at + 4u] = pack_pair(value.yw + unpack_pair(residual[at + 4u])); }
}
