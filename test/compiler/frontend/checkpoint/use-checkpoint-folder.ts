import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach } from 'vitest';
import {
  llamaShapes,
  type Shapes,
  saveConfig,
  saveZeros,
  smallConfig,
  smallGguf,
} from './make-checkpoint.ts';

/** A folder for each test of the file that asks for it, and the small LLaMA in it, either way. */
export function useCheckpointFolder() {
  let folder = '';
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'quikc checkpoint '));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));
  const weights = () => join(folder, 'model.safetensors');
  const gguf = () => join(folder, 'small.gguf');
  return {
    folder: () => folder,
    weights,
    gguf,
    saveGguf: (...changes: Parameters<typeof smallGguf>) => writeFileSync(gguf(), smallGguf(...changes)),
    /** A folder of the small LLaMA with changes, with weights to suit unless given. */
    saveFolder(config: object = {}, shapes: Shapes = llamaShapes()): void {
      saveConfig(folder, { ...smallConfig, ...config });
      saveZeros(weights(), shapes);
    },
  };
}
