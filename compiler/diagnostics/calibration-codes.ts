import type { CodeTable } from './code-table.ts';
import { error, warning } from './code-table.ts';

/** Codes of calibrating, and of what is written of a model. Part of the hundred of the model. */
export const calibrationCodes: CodeTable = {
  QK171: error('the output cannot be written', 'free some space, or name another file with -o'),
  QK172: error(
    'the tokens cannot be used',
    'a token file holds ids as little-endian uint16 and nothing else, a text is UTF-8',
  ),
  QK173: error('the window does not fit the model', 'choose another with --window'),
  QK174: error('no weights to compute with', 'fetch the weights, or name the checkpoint that has them'),
  QK175: error('not calibration statistics', 'make them with quikc calibrate'),
  QK176: error('statistics of another model', 'calibrate this model: quikc calibrate'),
  QK177: error('a statistic is impossible', 'the file is damaged, or its maker overflowed: calibrate again'),
  QK178: error('usage of calibrate', 'see quikc calibrate --help'),
  QK179: error('what was begun cannot be resumed', 'start again'),
  QK180: error('no such pruning', 'state dense, 2:4 or 4:8-pairs for the layer'),
  QK181: error('a weight is not a number', 'the checkpoint is damaged: fetch it again'),
  QK182: error(
    'statistics that GPTQ cannot use',
    'calibrate with more tokens, raise --damping, or take --method rtn',
  ),
  QK183: error('an outlier weight beyond 16 bit', 'raise --damping, or use a model of dtype bf16'),
  QK184: error('the output is something else', 'name another folder with -o'),
  QK185: error('another process quantises to this folder', 'wait for it, or name another with -o'),
  QK186: error('usage of quantize', 'see quikc quantize --help'),
  QK187: error('nothing to quantise', 'name a scheme with --scheme quik-4b'),
  QK188: error('no recipe within the budget', 'raise --ppl-budget, or leave linears in 16 bit with --layer'),
  QK189: error(
    'weights that PyTorch is not given',
    'name the folder of safetensors in F16, BF16 or F32 that these were made from, or leave --export-work out',
  ),
  QK199: warning(
    'this takes hours on a CPU',
    'calibrate_transformers.py and, with --export-work, gptq_torch.py do the same on a GPU: docs/quantising.md, "Larger models"',
  ),
};
