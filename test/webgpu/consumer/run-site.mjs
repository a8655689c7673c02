// What a program does with a bundle's package for WebGPU, in whatever runtime: sites, from bytes to bytes.

/**
 * Runs sites with the kernels of a variant; of each run `inputs` and `packed` have bytes by argument, the reply what the
 * kernels wrote.
 */
export async function runSites(bundle, gpu, runs, variant) {
  const adapter = await gpu.requestAdapter();
  const missing = bundle.unsupported(adapter, gpu, variant);
  if (missing.length > 0) throw new Error(missing.join('; '));
  const { requiredFeatures, requiredLimits } = bundle.variants[variant];
  const device = await adapter.requestDevice({ requiredFeatures, requiredLimits });
  let uncaptured;
  device.onuncapturederror = ({ error }) => {
    uncaptured = error.message;
  };
  const pipelines = await bundle.createPipelines(device, {
    sites: [...new Set(runs.map(({ site }) => site))],
    ...{ gpu, variant },
  });
  const outputs = [];
  for (const run of runs) outputs.push(await runSite(bundle, device, pipelines, run));
  await pipelines.orLost(device.queue.onSubmittedWorkDone());
  device.destroy();
  if (uncaptured !== undefined) throw new Error(uncaptured);
  return outputs;
}

async function runSite(bundle, device, pipelines, { site: id, layer, linear, M, inputs, packed }) {
  const site = pipelines.sites[id];
  const { buffers, linears } = await site.createBuffers(M);
  const weights = await bundle.uploadWeights(device, layer, packed);
  const all = { ...buffers, ...linears[linear], ...weights };
  for (const [name, bytes] of Object.entries(inputs)) device.queue.writeBuffer(all[name], 0, bytes);
  const encoder = device.createCommandEncoder();
  if (M % 2 === 1) {
    site.encode(encoder, { M, buffers, linears: { [linear]: { ...linears[linear], ...weights } } });
  } else {
    const pass = encoder.beginComputePass();
    site.quantize.encode(pass, { M, buffers });
    const { codes, row_meta, outlier_rows } = buffers;
    const own = { ...linears[linear], ...weights, codes, row_meta, outlier_rows };
    site.linears[linear].encode(pass, { M, buffers: own });
    pass.end();
  }
  device.queue.submit([encoder.finish()]);
  const sizes = bundle.bytes(id, M);
  const written = { ...sizes.buffers, ...sizes.linears[linear] };
  const outputs = {};
  for (const name of ['codes', 'row_meta', 'y'])
    outputs[name] = new Uint8Array(await pipelines.read(all[name], written[name]));
  return outputs;
}
