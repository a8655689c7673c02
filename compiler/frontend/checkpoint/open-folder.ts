import { existsSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { readShards, shardFiles } from '../../checkpoint/read-shards.ts';
import { diagnose } from '../../diagnostics/codes.ts';
import type { Diagnostic } from '../../diagnostics/diagnostic.ts';
import { quoteText } from '../../diagnostics/escape-text.ts';
import { locateDiagnostics, toPointer } from '../../diagnostics/locate-diagnostics.ts';
import { parseJson } from '../../diagnostics/parse-json.ts';
import { readSource } from '../../diagnostics/read-source.ts';
import type { SourceFile } from '../../diagnostics/source-file.ts';
import { sha256 } from '../../support/hash.ts';
import type { Result } from '../../support/result.ts';
import { fail, succeed } from '../../support/result.ts';
import type { Checkpoint } from './checkpoint.ts';
import type { CheckpointFacts } from './checkpoint-facts.ts';
import { describeCheckpoint, nameOfCheckpoint, originsOf } from './describe-checkpoint.ts';
import { FieldReader, isFields } from './field-reader.ts';
import { openCodes } from './open-codes.ts';
import { readFalconConfig } from './read-falcon-config.ts';
import { readLlamaConfig } from './read-llama-config.ts';
import { readOptConfig } from './read-opt-config.ts';
import { readQuantisation } from './read-quantisation.ts';

type Faults = readonly Diagnostic[];

/**
 * A Hugging Face folder: config.json, and the headers of its safetensors files. Faults: QK100 to QK103 config.json
 * cannot be read as JSON, QK120 its architecture, QK161 to QK163 what it says, QK150 to QK159 the weights.
 */
export async function openFolder(folder: string): Promise<Result<Checkpoint, Faults>> {
  const file = join(folder, 'config.json');
  if (!existsSync(file)) {
    const message = 'the folder has no config.json';
    const hint = existsSync(join(folder, 'model.json'))
      ? 'name the model.json in it'
      : 'name a folder as Hugging Face has it, a GGUF file, or a model.json';
    return fail([diagnose('QK100', { file: folder, message, hint })]);
  }
  const source = await readSource(file);
  if (!source.ok) return source;
  const locate = (diagnostics: Faults) => locateInConfig(source.value, diagnostics);
  const facts = readConfig(source.value);
  if (!facts.ok) return fail(locate(facts.error));
  const weights = await readWeights(folder);
  if (!weights.ok) return weights;
  const shards = weights.value;
  const opened = shards === undefined ? undefined : openCodes(folder, shards.tensors);
  if (opened?.ok === false) return fail(locate(opened.error));
  const model = describeCheckpoint(nameOfCheckpoint(resolve(folder)), facts.value, shards?.files);
  const { text } = source.value;
  return succeed({
    model,
    originOf: originsOf(facts.value),
    identity: { file: 'config.json', bytes: Buffer.byteLength(text), sha256: sha256(text) },
    folder,
    ...(opened === undefined ? {} : { tensors: opened.value.tensors }),
    warnings: opened === undefined ? [warnOfNoWeights(folder)] : opened.value.warnings,
    locate,
  });
}

/** Faults of other files are told with theirs. */
function locateInConfig(source: SourceFile, diagnostics: Faults): Faults {
  return diagnostics.map((diagnostic) =>
    diagnostic.file === undefined || diagnostic.file === source.file
      ? (locateDiagnostics(source, [diagnostic])[0] ?? diagnostic)
      : diagnostic,
  );
}

function readConfig({ file, text }: SourceFile): Result<CheckpointFacts, Faults> {
  const { value, faults } = parseJson(text);
  if (faults.length > 0) {
    return fail(
      faults.map(({ code, path, message }) =>
        diagnose(code, {
          file,
          pointer: toPointer(path),
          message,
          hint: 'fetch config.json again: it is not as it was published',
        }),
      ),
    );
  }
  if (!isFields(value)) {
    const hint = 'config.json is one JSON object';
    return fail([diagnose('QK104', { file, pointer: '', message: 'the file holds no object', hint })]);
  }
  const config = new FieldReader(value, file);
  const facts = readArchitecture(config);
  // What it says, openCodes reads again, where there are weights: here it is refused without them too.
  const quantised = config.within('quantization_config');
  if (quantised !== undefined) readQuantisation(quantised);
  const dtype = readDtype(config);
  if (facts === undefined || config.faults.length > 0) return fail(config.faults);
  return succeed({ ...facts, dtype });
}

function readArchitecture(config: FieldReader): CheckpointFacts | undefined {
  const type = config.text('model_type');
  switch (type) {
    case 'llama':
    case 'mistral':
    case 'qwen2':
    case 'qwen3':
      return readLlamaConfig(config, type);
    case 'opt':
      return readOptConfig(config);
    case 'falcon':
      return readFalconConfig(config);
    default: {
      const message = type === undefined ? '"model_type" is missing' : `"model_type" is ${quoteText(type)}`;
      const expected = '"llama", "mistral", "qwen2", "qwen3", "opt" or "falcon"';
      config.faults.push(diagnose('QK120', { pointer: config.pointer('model_type'), message, expected }));
      return undefined;
    }
  }
}

/** Activations in the weights' 16-bit format; FP16 for a checkpoint in FP32, which has no such format of its own. */
function readDtype(config: FieldReader): 'f16' | 'bf16' {
  const key = config.has('torch_dtype') ? 'torch_dtype' : 'dtype';
  const dtype = config.text(key) ?? 'float32';
  if (dtype === 'bfloat16') return 'bf16';
  if (dtype !== 'float16' && dtype !== 'float32')
    config.refuse(key, dtype, '"float16", "bfloat16" or "float32"');
  return 'f16';
}

async function readWeights(folder: string) {
  return shardFiles(folder) === undefined ? succeed(undefined) : readShards(folder);
}

function warnOfNoWeights(folder: string): Diagnostic {
  const message = 'the folder has neither model.safetensors nor model.safetensors.index.json';
  const pickled = readdirSync(folder).find((name) => /^pytorch_model.*\.bin$|\.pth$/.test(name));
  return diagnose('QK165', {
    file: folder,
    message,
    ...(pickled === undefined
      ? {}
      : {
          hint: `${quoteText(pickled)} holds Python objects, which quikc does not run: convert it to safetensors`,
        }),
  });
}
