// Part of a package that quikc wrote; the same in each.

const slotsPerBuffer = 256;

/**
 * Numbers as uniforms: token counts, and where shards start. Each has a place of its own for good, since launches that were
 * recorded and not yet submitted may read it; bind groups name the buffer, and a dispatch its place in it.
 */
export class UniformValues {
  /** @param {GPUDevice} device */
  constructor(device) {
    this.device = device;
    this.stride = device.limits.minUniformBufferOffsetAlignment;
    /** @type {GPUBuffer[]} */
    this.buffers = [];
    /** @type {Map<number, { readonly buffer: GPUBuffer, readonly offset: number }>} */
    this.places = new Map();
  }

  /** @param {number} value a u32 */
  place(value) {
    const known = this.places.get(value);
    if (known !== undefined) return known;
    const buffer = this.buffers[Math.floor(this.places.size / slotsPerBuffer)] ?? this.grow();
    const offset = (this.places.size % slotsPerBuffer) * this.stride;
    this.device.queue.writeBuffer(buffer, offset, new Uint32Array([value]));
    const place = { buffer, offset };
    this.places.set(value, place);
    return place;
  }

  grow() {
    const size = slotsPerBuffer * this.stride;
    const usage = 0x40 | 0x08; // UNIFORM | COPY_DST
    const buffer = this.device.createBuffer({ label: 'token counts', size, usage });
    this.buffers.push(buffer);
    return buffer;
  }
}
