import { readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';

export const vectorsFolder = 'test/fixtures/conformance';

const provenance = z.strictObject({
  gpu: z.string(),
  capability: z.tuple([z.number(), z.number()]),
  /** The CUDA version of the driver: 1000 x major + 10 x minor. */
  driver: z.number(),
  nvcc: z.string(),
  quikc: z.string(),
  date: z.string(),
});

const probeVector = z.strictObject({
  name: z.string(),
  /** Of the probe's module: a vector of another text is no evidence for this one. */
  module: z.string(),
  inputs: z.base64(),
  outputs: z.base64(),
});

const kernelVector = z.strictObject({
  id: z.string(),
  model: z.string(),
  /** Of the kernel's text, without the digests in its banner. */
  text: z.string(),
  tokens: z.number(),
  dataset: z.string(),
  outputs: z.record(z.string(), z.base64()),
});

const vectorsSchema = z.strictObject({
  conformance: z.literal(1),
  provenance,
  probes: z.array(probeVector),
  kernels: z.array(kernelVector),
});

export type Vectors = z.infer<typeof vectorsSchema>;
export type KernelVector = z.infer<typeof kernelVector>;
export type ProbeVector = z.infer<typeof probeVector>;

/** Every recorded file of a folder, by name. A malformed one throws: it is committed, so it is our fault. */
export function readVectors(folder: string): readonly { readonly file: string; readonly vectors: Vectors }[] {
  const names = readdirSync(folder).filter((name) => name.endsWith('.json'));
  return names.sort().map((file) => {
    const parsed = vectorsSchema.safeParse(JSON.parse(readFileSync(join(folder, file), 'utf8')));
    if (!parsed.success) throw new Error(`${file} holds no vectors: ${parsed.error.message}`);
    return { file, vectors: parsed.data };
  });
}

/** Writes a recording, whole or not at all; one of the same GPU and driver is replaced. Returns its path. */
export function writeVectors(folder: string, vectors: Vectors): string {
  const { gpu, driver } = vectors.provenance;
  const name = `${gpu} driver ${driver}`
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '');
  const path = join(folder, `${name}.json`);
  const draft = join(folder, `.${name}.${process.pid}`);
  writeFileSync(draft, `${JSON.stringify(vectors, null, 1)}\n`);
  renameSync(draft, path);
  return path;
}

export function toBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64');
}

export function fromBase64(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'base64'));
}
