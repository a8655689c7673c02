// Part of a package that quikc wrote; the same in each.
import { BundleError } from './bundle-error.js';
import { shader, threads } from './finite-shader.js';
import { orLost } from './watch-device.js';

/** @typedef {import('./tables.d.ts').KernelTable} KernelTable */
/** @typedef {Required<GPUBufferBinding>} Range */
/** @typedef {{ readonly argument: string, readonly rowWords: number, readonly low: number, readonly high: number }} Checked */

const computeStage = 0x4; // GPUShaderStage.COMPUTE
/** Workgroups go round: more than these find no core free. */
const mostWorkgroups = 1024;

/**
 * Whether rows that a quantize was given are finite: its row meta says so of their base values, the copies of the outlier
 * columns of the others. A dispatch looks at them where they lie; what it found is asked for later.
 */
export class FiniteCheck {
  /**
   * @param {GPUDevice} device
   * @param {'f16' | 'bf16'} dtype
   * @param {readonly string[]} sites
   */
  constructor(device, dtype, sites) {
    this.device = device;
    this.sites = sites;
    this.exponent = dtype === 'f16' ? 0x7c00 : 0x7f80;
    this.stride = device.limits.minStorageBufferOffsetAlignment;
    const usage = 0x80 | 0x04 | 0x08; // STORAGE | COPY_SRC | COPY_DST
    const size = Math.max(1, sites.length) * this.stride;
    this.found = device.createBuffer({ label: 'not finite', size, usage });
    const number = { type: /** @type {const} */ ('uniform'), hasDynamicOffset: true, minBindingSize: 4 };
    const words = { type: /** @type {const} */ ('read-only-storage') };
    const entries = [number, words, { type: /** @type {const} */ ('storage') }, number].map(
      (buffer, binding) => ({ binding, visibility: computeStage, buffer }),
    );
    this.layout = device.createBindGroupLayout({ entries });
    /** @type {Map<string, GPUComputePipeline>} */
    this.pipelines = new Map();
  }

  /**
   * Compiles what the kernels of some quantizes need.
   * @param {readonly KernelTable[]} kernels
   */
  async compile(kernels) {
    const { device, layout } = this;
    const module = device.createShaderModule({ label: 'check-finite', code: shader });
    const all = kernels.flatMap((kernel) => this.checked(kernel));
    const made = [...new Map(all.map((each) => [keyOf(each), each]))].map(async ([key, each]) => {
      const { rowWords, low, high } = each;
      const pipeline = await device.createComputePipelineAsync({
        label: `check-finite ${key}`,
        layout: device.createPipelineLayout({ bindGroupLayouts: [layout] }),
        compute: { module, entryPoint: 'main', constants: { row_words: rowWords, low, high } },
      });
      this.pipelines.set(key, pipeline);
    });
    await orLost(device, Promise.all(made));
  }

  /**
   * The results of a quantize that show its rows.
   * @param {KernelTable} kernel
   * @returns {readonly Checked[]}
   */
  checked({ arguments: all }) {
    const words = (/** @type {string} */ argument) => {
      const rowBytes = all.find(({ name }) => name === argument)?.rowBytes ?? 0;
      return { argument, rowWords: rowBytes / 4 };
    };
    const { exponent } = this;
    return [
      { ...words('row_meta'), low: 0, high: 0x7f800000 },
      { ...words('outlier_rows'), low: exponent, high: exponent * 0x10000 },
    ].filter(({ rowWords }) => rowWords > 0);
  }

  /**
   * Records a look at `tokens` rows from `first` on, which `range` has.
   * @param {GPUComputePassEncoder} pass
   * @param {import('./make-launch.js').Context} context
   * @param {string} site
   * @param {Checked} checked
   * @param {{ range: Range, first: number, tokens: number }} rows
   */
  record(pass, { bindGroups, uniforms }, site, checked, { range, first, tokens }) {
    const pipeline = this.pipelines.get(keyOf(checked));
    if (pipeline === undefined) return;
    const found = { buffer: this.found, offset: this.sites.indexOf(site) * this.stride, size: 4 };
    const bound = [range, found].map((each, index) => ({ binding: index + 1, range: each }));
    const numbers = [
      { binding: 0, ...uniforms.place(tokens) },
      { binding: 3, ...uniforms.place(first) },
    ];
    const offsets = numbers.map(({ offset }) => offset);
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, bindGroups.get(this.layout, numbers, bound), offsets);
    pass.dispatchWorkgroups(Math.min(mostWorkgroups, Math.ceil((tokens * checked.rowWords) / threads)));
  }

  /** Rejects where what was submitted since this was last asked had a row that is not finite. */
  async assert() {
    const { device, sites, stride, found } = this;
    const usage = 0x01 | 0x08; // MAP_READ | COPY_DST
    const copy = device.createBuffer({ label: 'not finite, read back', size: found.size, usage });
    try {
      const encoder = device.createCommandEncoder();
      encoder.copyBufferToBuffer(found, 0, copy, 0, found.size);
      encoder.clearBuffer(found);
      device.queue.submit([encoder.finish()]);
      await orLost(device, copy.mapAsync(1)); // GPUMapMode.READ
      const words = new Uint32Array(copy.getMappedRange());
      const told = sites.flatMap((site, index) => {
        const row = words[(index * stride) / 4] ?? 0;
        return row === 0 ? [] : [`row ${~row >>> 0} of ${site}`];
      });
      if (told.length === 0) return;
      throw new BundleError(
        'non-finite',
        `a NaN, an infinity, or a range too large for FP32 in ${told.join(', ')}, perhaps in later rows too: what comes of them is of no account`,
      );
    } finally {
      copy.destroy();
    }
  }
}

/** @param {Checked} checked */
function keyOf({ rowWords, low, high }) {
  return `${rowWords} ${low} ${high}`;
}
