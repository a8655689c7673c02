// Part of a package that quikc wrote; the same in each.

const slotsPerBuffer = 256;

/**
 * Token counts as uniforms. Each M has a place of its own for good, since launches that were recorded and not yet
 * submitted may read it; bind groups name the buffer, and a launch its place in it.
 */
export class TokenCounts {
  /** @param {GPUDevice} device */
  constructor(device) {
    this.device = device;
    this.stride = device.limits.minUniformBufferOffsetAlignment;
    /** @type {GPUBuffer[]} */
    this.buffers = [];
    /** @type {Map<number, { readonly buffer: GPUBuffer, readonly index: number, readonly offset: number }>} */
    this.places = new Map();
  }

  /** @param {number} m */
  place(m) {
    const known = this.places.get(m);
    if (known !== undefined) return known;
    const index = Math.floor(this.places.size / slotsPerBuffer);
    const buffer = this.buffers[index] ?? this.grow();
    const offset = (this.places.size % slotsPerBuffer) * this.stride;
    this.device.queue.writeBuffer(buffer, offset, new Uint32Array([m]));
    const place = { buffer, index, offset };
    this.places.set(m, place);
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
