// Part of a package that quikc wrote; the same in each.

/** @typedef {Required<GPUBufferBinding>} Range */
/** @typedef {{ next: WeakMap<object, Level>, groups: Map<string, GPUBindGroup> }} Level */

/** Ranges and token counts under which one set of buffers was bound, before the oldest is forgotten. */
const mostPerSet = 64;

/** Bind groups by what they bind. Keyed weakly, buffer after buffer: a group is kept as long as its buffers are. */
export class BindGroups {
  /** @param {GPUDevice} device */
  constructor(device) {
    this.device = device;
    this.root = newLevel();
  }

  /**
   * @param {GPUBindGroupLayout} layout
   * @param {readonly { binding: number, buffer: GPUBuffer }[]} uniforms each bound with a dynamic offset
   * @param {readonly { binding: number, range: Range }[]} bound
   * @returns {GPUBindGroup}
   */
  get(layout, uniforms, bound) {
    let level = this.root;
    const buffers = [...uniforms.map(({ buffer }) => buffer), ...bound.map(({ range }) => range.buffer)];
    for (const key of [layout, ...buffers]) {
      const next = level.next.get(key) ?? newLevel();
      level.next.set(key, next);
      level = next;
    }
    const key = bound.map(({ range: { offset, size } }) => `${offset}+${size}`).join();
    const known = level.groups.get(key);
    if (known !== undefined) return known;
    const entries = [
      ...uniforms.map(({ binding, buffer }) => ({ binding, resource: { buffer, size: 4 } })),
      ...bound.map(({ binding, range }) => ({ binding, resource: range })),
    ];
    const group = this.device.createBindGroup({ layout, entries });
    const [oldest] = level.groups.keys();
    if (level.groups.size >= mostPerSet && oldest !== undefined) level.groups.delete(oldest);
    level.groups.set(key, group);
    return group;
  }
}

/** @returns {Level} */
function newLevel() {
  return { next: new WeakMap(), groups: new Map() };
}
