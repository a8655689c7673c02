// quik_quantize_a4_f16_k192f8_t256_webgpu_8fd8ce06
// Each row of x is put through its prologue and rounded; its outlier columns are copied out, its base columns
// quantised with a scale and a minimum of their own.
// x is read 2 times, once a phase; the model has it once from DRAM, then from L2.
// serves     layers.0-3.self_attn.o_proj (a4, 8 outlier columns, f16)
// why        any M: modelled 126.8 us at M = 2048, 6 % of the roofline: latency 126.8, arithmetic 11.2 us
// why        best on Arc-140V of 4 legal schedules; next 128.6 us: 128 threads
// made by    quikc <version>, templates <digest>, spec 8fd8ce0659b6

// ---- The problem ---------------------------------------------------------------------------------
const kColumns = 192u;  // input features of a row, two a word
const kOutliers = 8u;  // of them kept in f16; which ones is data
const kBaseColumns = 184u;  // of them quantised
const kBits = 4u;  // of a code
const kLevels = 15.0;  // 2^kBits - 1: the largest code before 2^(kBits - 1) is taken off
const kLeastScale = 0x1p-64f;  // of a row whose values are all equal: they come back through its minimum

// ---- Layouts and schedule: one workgroup a row ---------------------------------------------------
const kCodesPerWord = 32u / kBits;  // in order of column, low bits first
const kCodeWords = 24u;  // of a row: segments of 256 bits, padded with code 0
const kOutlierWords = 8u;  // of a row: padded to 16 columns with value 0
const kColumnWords = 6u;  // of 32 columns, a bit each
const kThreads = 256u;

// ---- Bindings: layouts as in docs/layouts.md -----------------------------------------------------
@group(0) @binding(0) var<uniform> M: u32;  // rows
@group(0) @binding(1) var<storage, read> x: array<u32>;  // activations of each token
@group(0) @binding(2) var<storage, read> outlier_columns: array<u32>;  // input features kept in 16 bit, ascending, each once
@group(0) @binding(3) var<storage, read_write> codes: array<u32>;  // codes of the base columns in ascending order
@group(0) @binding(4) var<storage, read_write> row_meta: array<vec2<u32>>;  // {scale, minimum}; {NaN, NaN} where a base value is not finite
@group(0) @binding(5) var<storage, read_write> outlier_rows: array<u32>;  // the outlier columns as they are, zero-padded

var<workgroup> marked: array<atomic<u32>, kColumnWords>;  // bits of the outlier columns
var<workgroup> before: array<u32, kColumnWords + 1u>;  // outliers before a word's columns
var<workgroup> lost: atomic<u32>;  // a base value is not finite
var<private> norm: f32;  // what the RMS norm multiplies by

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

// Whether 16 bits are an infinity or a NaN: told by bits, since WGSL may assume that there are none.
fn is_not_finite(bits: u32) -> bool {
  return (bits & 0x7c00u) == 0x7c00u;
}

fn pack_pair(pair: vec2<f32>) -> u32 {
  return round_16(pair.x) | (round_16(pair.y) << 16u);
}

var<workgroup> scratch: array<vec2<f32>, kThreads>;

// The least x and the greatest y of the threads, in a tree; every thread gets them.
fn reduce_range(range: vec2<f32>, thread: u32) -> vec2<f32> {
  scratch[thread] = range;
  workgroupBarrier();  // before the first ranges are read
  for (var half = kThreads / 2u; half > 0u; half /= 2u) {
    if (thread < half) {
      let other = scratch[thread + half];
      scratch[thread] = vec2<f32>(min(scratch[thread].x, other.x), max(scratch[thread].y, other.y));
    }
    workgroupBarrier();  // before this round's results are read
  }
  return scratch[0];
}

// Columns 2 i and 2 i + 1 of a row.
fn row_pair(row: u32, i: u32) -> u32 {
  return x[row * (kColumns / 2u) + i];
}

fn prepare_row(row: u32, thread: u32) {
  norm = 1.0;
}

fn value_bits(row: u32, column: u32) -> u32 {
  return (row_pair(row, column / 2u) >> (16u * (column % 2u))) & 0xffffu;
}

fn value_of(row: u32, column: u32) -> f32 {
  let pair = unpack_pair(row_pair(row, column / 2u));
  return select(pair.x, pair.y, column % 2u == 1u);
}

// The column of the base column at `place`: the last word with no more base columns before it, then its halves.
fn column_of(place: u32) -> u32 {
  var first = 0u;
  var last = kColumnWords - 1u;
  while (first < last) {
    let middle = (first + last + 1u) / 2u;
    if (middle * 32u - before[middle] <= place) { first = middle; } else { last = middle - 1u; }
  }
  let base = ~atomicLoad(&marked[first]);
  var skip = place - (first * 32u - before[first]);
  var bit = 0u;
  for (var width = 16u; width > 0u; width /= 2u) {
    let passed = countOneBits((base >> bit) & ((1u << width) - 1u));
    if (skip >= passed) {
      skip -= passed;
      bit += width;
    }
  }
  return first * 32u + bit;
}

fn is_outlier(column: u32) -> bool {
  return ((atomicLoad(&marked[column / 32u]) >> (column % 32u)) & 1u) != 0u;
}

fn column_after(column: u32) -> u32 {
  var next = column + 1u;
  while (next < kColumns && is_outlier(next)) { next++; }
  return next;
}

// ---- Kernel --------------------------------------------------------------------------------------
@compute @workgroup_size(kThreads)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
  let row = workgroup.x + 65535u * workgroup.y;  // a dimension has no more workgroups
  if (row >= M) { return; }

  // mark: outlier f tells the words from its predecessor's up to its own that f outliers come before them. Words that no
  // thread marks are zero from the start, as WGSL zeroes workgroup memory.
  for (var f = thread; f < kOutliers; f += kThreads) {
    atomicOr(&marked[outlier_columns[f] / 32u], 1u << (outlier_columns[f] % 32u));
  }
  for (var f = thread; f <= kOutliers; f += kThreads) {
    var word = 0u;
    if (f > 0u) { word = outlier_columns[f - 1u] / 32u + 1u; }
    var last = kColumnWords;
    if (f < kOutliers) { last = outlier_columns[f] / 32u; }
    for (; word <= last; word++) { before[word] = f; }
  }
  prepare_row(row, thread);
  workgroupBarrier();  // `marked` and `before` are complete

  // range: minimum and maximum of the base columns, and whether one of them is not finite.
  var low = 0x1.fffffep+127f;
  var high = -0x1.fffffep+127f;
  for (var i = thread; i < kColumns / 2u; i += kThreads) {
    let word = row_pair(row, i);
    let pair = unpack_pair(word);
    let outliers = atomicLoad(&marked[i / 16u]) >> (i % 16u * 2u);  // the pair's, in the lowest bits
    if ((outliers & 1u) == 0u) {
      low = min(low, pair.x);
      high = max(high, pair.x);
      if (is_not_finite(word)) { atomicStore(&lost, 1u); }
    }
    if ((outliers & 2u) == 0u) {
      low = min(low, pair.y);
      high = max(high, pair.y);
      if (is_not_finite(word >> 16u)) { atomicStore(&lost, 1u); }
    }
  }
  let ends = reduce_range(vec2<f32>(low, high), thread);
  let zero = select(ends.x, 0.0, kBaseColumns == 0u);
  let range = select(ends.y - ends.x, 0.0, kBaseColumns == 0u);
  let scale = max(range / kLevels, kLeastScale);
  let inverse = 1.0 / scale;

  // meta: {scale, minimum}, or NaN twice where a value or the range is not finite.
  let broken = atomicLoad(&lost) != 0u || (bitcast<u32>(range) & 0x7f800000u) == 0x7f800000u;
  let result = select(vec2<u32>(bitcast<u32>(scale), bitcast<u32>(zero)), vec2<u32>(0x7fc00000u), broken);
  if (thread == 0u) { row_meta[row] = result; }

  // quantise: a word of codes at a time.
  for (var word = thread; word < kCodeWords; word += kThreads) {
    var place = word * kCodesPerWord;
    var packed = 0u;
    if (place < kBaseColumns) {
      var column = column_of(place);
      for (var i = 0u; i < kCodesPerWord && place < kBaseColumns; i++) {
        let value = value_of(row, column);
        let level = u32(clamp(round((value - zero) * inverse), 0.0, kLevels));  // round: ties to even
        packed |= ((level - (1u << (kBits - 1u))) & ((1u << kBits) - 1u)) << (i * kBits);
        place++;
        column = column_after(column);
      }
    }
    codes[row * kCodeWords + word] = packed;
  }

  // copy: the outlier columns, after the prologue.
  for (var word = thread; word < kOutlierWords; word += kThreads) {
    var pair = 0u;
    if (2u * word < kOutliers) { pair = value_bits(row, outlier_columns[2u * word]); }
    if (2u * word + 1u < kOutliers) { pair |= value_bits(row, outlier_columns[2u * word + 1u]) << 16u; }
    outlier_rows[row * kOutlierWords + word] = pair;
  }
}
