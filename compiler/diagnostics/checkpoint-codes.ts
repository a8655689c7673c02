import type { CodeTable } from './code-table.ts';
import { error, warning } from './code-table.ts';

const damaged = 'the file is damaged or cut short: fetch it again and compare its digest';

/** Codes of checkpoints: Hugging Face folders and GGUF files. Part of the hundred of the model. */
export const checkpointCodes: CodeTable = {
  QK150: error('a file of the checkpoint cannot be read', 'check the path and its permissions'),
  QK151: error('not a safetensors file', damaged),
  QK152: error('not a GGUF file', damaged),
  QK153: error('a tensor lies where it cannot', damaged),
  QK154: error('a tensor or key appears twice', damaged),
  QK155: error('tensor type unknown', 'convert the checkpoint to F16, BF16 or F32'),
  QK156: error('values cannot be decoded', 'convert the checkpoint to F16, BF16 or F32'),
  QK157: error(
    'the checkpoint is not complete',
    'fetch the missing files; a partial download cannot be used',
  ),
  QK158: error('header too large', 'no published checkpoint has such a header: check where it comes from'),
  QK159: error('the index of the shards is wrong', damaged),
  QK160: error(
    'a weight is not finite',
    'the checkpoint is damaged, or overflowed when it was converted: fetch it again, or convert it in BF16 or F32',
  ),
  QK161: error(
    'a field of the checkpoint is missing or wrong',
    'compare with the files that the model was published with',
  ),
  QK162: error(
    'this form of the architecture is not supported',
    'describe the model by explicit nodes in a model.json: docs/model-json.md',
  ),
  QK163: error(
    'the checkpoint is quantised already',
    'name the checkpoint in F16, BF16 or F32 that it was made from',
  ),
  QK164: error(
    'a tensor does not fit the model',
    'weights and config.json are of different models, or one of them was changed',
  ),
  QK165: warning(
    'no weights',
    'kernels depend on shapes alone; fetch the weights before they are to be quantised',
  ),
  QK166: warning(
    'tensors that the architecture does not have',
    'if the model needs them, it computes something else than quikc describes',
  ),
  QK167: error('the model.json cannot be written', 'name another file with -o'),
  QK168: warning(
    'weights out of reach',
    'write the model.json beside the weights, or in a folder above them',
  ),
  QK169: error(
    'the tokenizer is not understood',
    'fetch the tokenizer.json that the model was published with',
  ),
  QK170: error('the conversation cannot be rendered', "write the prompt as the model's card says"),
  QK190: error(
    'outlier columns are needed',
    'calibrate and quantise the model first, list the columns in its model.json, or keep none with --outliers 0',
  ),
  QK191: error('no weights to evaluate', 'name a model whose weights are there: docs/checkpoints.md'),
  QK192: error(
    'a quantised linear does not fit the model',
    'quantise the model again: its weights and its model.json are of different models or schemes',
  ),
  QK193: error(
    'outlier columns differ',
    'model.json and the quantised weights must list the same: quantise again, or restore the model.json that was written with them',
  ),
  QK195: error('no bundle for this model', 'compile the model with the same options, or leave --bundle out'),
  QK196: error('usage of eval or run', 'see quikc eval --help and quikc run --help'),
  QK197: error(
    'codes of a weight do not fit',
    'its tensors and the quantization_config are of different checkpoints, or the file is damaged: fetch both again',
  ),
  QK198: warning(
    'zero points are not as the config says',
    'they are read as the weights have it: docs/checkpoints.md says how that is told',
  ),
};
