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
   * @param {GPUBuffer} tokens buffer of the token count, bound with a dynamic offset
   * @param {readonly Range[]} ranges
   * @returns {GPUBindGroup}
   */
  get(layout, tokens, ranges) {
    let level = this.root;
    for (const key of [layout, tokens, ...ranges.map(({ buffer }) => buffer)]) {
      const next = level.next.get(key) ?? newLevel();
      level.next.set(key, next);
      level = next;
    }
    const key = ranges.map(({ offset, size }) => `${offset}+${size}`).join();
    const known = level.groups.get(key);
    if (known !== undefined) return known;
    const resources = [{ buffer: tokens, size: 4 }, ...ranges];
    const entries = resources.map((resource, binding) => ({ binding, resource }));
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
