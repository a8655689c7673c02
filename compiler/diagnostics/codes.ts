import { calibrationCodes } from './calibration-codes.ts';
import { checkpointCodes } from './checkpoint-codes.ts';
import type { CodeTable } from './code-table.ts';
import { error, warning } from './code-table.ts';
import type { Diagnostic, DiagnosticCode } from './diagnostic.ts';
import { toolCodes } from './tool-codes.ts';

/** Every code that quikc prints. A code keeps its meaning for ever; a new fault takes a new number. */
export const codes: CodeTable = {
  QK100: error('the model cannot be read', 'check the path and its permissions'),
  QK101: error('not JSON', 'the file must be one JSON object in UTF-8; docs/model-json.md has examples'),
  QK102: error('too large or too deep', 'a model.json is a description: weights stay in their own files'),
  QK103: error('a key appears twice', 'remove one of the two: JSON readers differ in which one counts'),
  QK104: error('wrong value', 'docs/model-json.md documents every field'),
  QK105: error('unknown field', 'docs/model-json.md documents every field'),
  QK106: error('number out of range', 'docs/model-json.md states the limits'),
  QK107: error(
    'name not allowed',
    'a name has letters, digits, "_", "-" and ".", and starts with a letter or "_"',
  ),
  QK108: error('name used twice', 'give each node of a block its own name'),
  QK109: error('unknown reference', 'a node may use "input" and the nodes written before it in its block'),
  QK110: error('field missing', 'docs/model-json.md documents every field'),
  QK111: error('version not supported', 'write "quikc": 1'),
  QK112: error('bad outlier columns', 'list each column once, from 0 to K-1'),
  QK113: error('repetitions do not match', 'give one list, or one list per repetition'),
  QK114: error('heads do not divide', 'hidden must be heads x headDim, and heads a multiple of kvHeads'),
  QK115: error('weights outside the model folder', 'name weight files relative to the folder of model.json'),
  QK116: error('nothing to compile', 'the model needs at least one linear'),
  QK117: error('the form is unclear', 'give "architecture" with "facts", or "graph"'),
  QK118: error('value not used', 'remove the node, or let another read it'),
  QK120: error('architecture not supported', 'describe the model by explicit nodes ("graph")'),
  QK121: error('sparsity not supported', 'leave "sparsity" out: the layer is computed dense'),
  QK122: error('experts not supported', 'compile the dense layers alone, as an explicit graph'),
  QK123: error('sharding not supported', 'compile the model for one device'),
  QK124: error('scheme not supported', 'use the preset quik-4b or quik-8b'),
  QK130: error('no layer matches', 'quikc inspect lists the layers of a model'),
  QK131: error('override not understood', "write --layer '<glob>=quik-8b,outliers=896'"),
  QK140: warning('outlier columns unknown', 'calibrate the model, or list the columns in model.json'),
  ...checkpointCodes,
  ...calibrationCodes,
  QK201: error('features do not match', 'make the node take as many features as its input has'),
  QK202: error('a repeated block does not chain', 'its output must have as many features as its input'),
  QK203: error(
    'more outliers than features',
    'lower the outlier count of this layer, or of all with --outliers',
  ),
  QK204: error('gate and up differ', 'both inputs of a gated activation have as many features'),
  QK301: error('the target cannot run this layer', 'quikc targets lists what each target supports'),
  QK302: error('target unknown', 'quikc targets lists the targets'),
  QK303: error('no kernel to write', 'quantise a layer, e.g. with --scheme quik-4b'),
  ...toolCodes,
  QK401: error('no schedule fits', 'quikc targets lists what the target has room for'),
  QK550: error(
    'the output folder is not a bundle',
    'name another folder with -o, or empty this one yourself',
  ),
  QK551: error('the bundle cannot be written', 'check the folder, its permissions and the space on its disk'),
  QK553: error('graphs cannot be dumped', 'name a folder that you can write to with --dump'),
  QK554: error('the output is where you are', 'name a folder of its own, e.g. -o bundle'),
  QK555: error('the output cannot be written', 'free some space, or send it elsewhere'),
  QK560: error('not a bundle', 'name the folder that quikc compile wrote'),
  QK561: error('a file of the bundle was altered', 'compile the model again'),
  QK562: error('a file of the bundle is missing', 'compile the model again'),
  QK563: error('a file is not part of the bundle', 'remove it, or compile the model again'),
  QK564: error('the manifest is not valid', 'compile the model again'),
  QK565: error('the bundle is of another version', 'compile the model again with this version of quikc'),
  QK566: error('no such kernel', 'quikc explain <bundle> lists the kernels'),
  QK567: error('a file of the bundle cannot be read', 'check its permissions, or compile the model again'),
  QK568: error('an option for models', 'leave it out, or name the model that the bundle was compiled from'),
  QK570: warning('tuning record passed over', 'delete it, or tune again'),
  QK571: error('tuning records cannot be written', 'free some space, or name another folder with --records'),
  QK572: error('tuning already runs', 'wait for it, or end that process: it keeps what it found'),
  QK573: error('usage of tune', 'see quikc tune --help'),
  QK574: error('no tuning records', 'run quikc tune first, or name the folder of its records'),
  QK575: error('tuned on another device', 'name one of those that have records, or leave --tuned out'),
  QK900: error('internal error', 'this is a fault of quikc: please report it with this text'),
};

/** The facts of one occurrence of a code. */
export type DiagnosticDetail = Omit<Diagnostic, 'code' | 'severity'>;

/** A diagnostic with the severity and, unless `detail` brings its own, the hint that the table has for the code. */
export function diagnose(code: DiagnosticCode, detail: DiagnosticDetail): Diagnostic {
  const record = codes[code];
  const hint = detail.hint ?? record?.hint;
  return { code, severity: record?.severity ?? 'error', ...detail, ...(hint === undefined ? {} : { hint }) };
}
