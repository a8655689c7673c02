// The WebGPU adapter at hand, in a process of its own: node find-adapter.mjs <webgpu module>. Prints it as JSON; null where there
// is none.
const [, , dawn] = process.argv;
const { create } = await import(dawn);
// Held until the end: Dawn crashes once its instance is collected.
const gpu = create([]);
const adapter = await gpu.requestAdapter();
const describe = ({ info, features }) => ({
  name: info.description || info.device || info.vendor,
  fallback: info.isFallbackAdapter === true,
  features: ['subgroups', 'shader-f16'].filter((name) => features.has(name)),
  subgroupSize: info.subgroupMinSize ?? null,
});
const found = adapter === null ? null : describe(adapter);
process.stdout.write(JSON.stringify(found), () => process.exit(gpu === undefined ? 1 : 0));
