// Part of a package that quikc wrote; the same in each.

export const threads = 256;

// WGSL may assume that there is no NaN and no infinity: they are told by the bits of their exponents.
export const shader = /* wgsl */ `
override row_words: u32;
override low: u32;  // exponent of the lower of two values in a word; 0 where a word is one value
override high: u32;

@group(0) @binding(0) var<uniform> rows: u32;
@group(0) @binding(1) var<storage, read> words: array<u32>;
@group(0) @binding(2) var<storage, read_write> found: atomic<u32>;  // ~row of the first that is not finite, else 0
@group(0) @binding(3) var<uniform> first: u32;  // row that the binding starts with

@compute @workgroup_size(${threads})
fn main(@builtin(global_invocation_id) thread: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  for (var i = thread.x; i < rows * row_words; i += ${threads}u * groups.x) {
    let word = words[i];
    if ((word & high) == high || (low != 0u && (word & low) == low)) { atomicMax(&found, ~(first + i / row_words)); }
  }
}
`;
