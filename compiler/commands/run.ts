import type { ModelTokenizer } from '../checkpoint/tokenizer/model-tokenizer.ts';
import { diagnose } from '../diagnostics/codes.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { limitsOf } from '../evaluate/cut-windows.ts';
import { openEvaluatePool } from '../evaluate/evaluate-pool.ts';
import { generateText } from '../evaluate/generate-text.ts';
import { openModelTokenizer } from '../frontend/open-model-tokenizer.ts';
import { loadEvaluation } from '../open-evaluation/load-evaluation.ts';
import { type OpenedForward, openForward } from '../open-evaluation/open-forward.ts';
import { fail, type Result } from '../support/result.ts';
import { type CommandContext, type ExitCode, reportDiagnostics } from './command.ts';
import { type EvaluationOptions, readCount, readPlaces, readThreads } from './evaluation-options.ts';
import { toLoadRequest } from './model-options.ts';
import { reportEvaluationFaults } from './report-evaluation.ts';

export interface RunOptions extends EvaluationOptions {
  readonly maxNewTokens?: string;
  readonly raw?: boolean;
}

/** `quikc run`: what a quantised model says to a prompt, the likeliest token each time. `worker`: a thread of an evaluation. */
export async function run(
  file: string,
  prompt: string,
  options: RunOptions,
  context: CommandContext,
  worker: URL,
): Promise<ExitCode> {
  const places = readPlaces(options.on ?? 'oracle', false);
  const most = readCount('--max-new-tokens', options.maxNewTokens, 1, 32);
  const threads = readThreads(options.threads);
  const refuse = (faults: readonly Diagnostic[]) => reportEvaluationFaults(faults, options, context);
  if (!places.ok) return refuse([places.error]);
  if (!most.ok) return refuse([most.error]);
  if (!threads.ok) return refuse([threads.error]);
  const [place = 'oracle'] = places.value;
  const load = toLoadRequest(file, options);
  const loaded = await loadEvaluation(load);
  if (!loaded.ok) return refuse(loaded.error);
  if (place === 'float' && loaded.value.float === undefined)
    return refuse([diagnose('QK191', { file, message: 'the weights are quantised already' })]);
  const tokenizer = await openModelTokenizer(options.tokenizer ?? file);
  if (!tokenizer.ok) return refuse(tokenizer.error);
  const ids = encodePrompt(tokenizer.value, prompt, options.raw === true);
  if (!ids.ok) return refuse([ids.error]);
  const { longest } = limitsOf(loaded.value.graph);
  const room = Math.min(most.value, longest - ids.value.length);
  if (ids.value.length === 0 || room < 1) {
    const message = `the prompt has ${ids.value.length} tokens`;
    return refuse([diagnose('QK196', { message, expected: `1 to ${longest - 1}` })]);
  }
  if (options.json !== true) reportDiagnostics(loaded.value.warnings, { ...options, quiet: true }, context);

  const pool = await openEvaluatePool(worker, threads.value);
  let opened: OpenedForward | undefined;
  try {
    const { bundle } = options;
    const buildOptions = { env: context.env };
    const made = await openForward({ place, loaded: loaded.value, load, pool, bundle, buildOptions });
    if (!made.ok) return refuse(made.error);
    opened = made.value;
    const said = makeStream(tokenizer.value, options.json === true ? () => {} : context.out);
    const started = performance.now();
    const generated = await generateText({
      ...{ forward: opened.forward, prompt: ids.value, mostTokens: room },
      end: endOf(tokenizer.value),
      onToken: said.add,
    });
    if (!generated.ok) return refuse([generated.error]);
    const seconds = (performance.now() - started) / 1000;
    const text = said.end();
    const report = { text, ids: generated.value, prompt: ids.value, on: place, where: opened.where, seconds };
    context.out(options.json === true ? `${JSON.stringify(report, null, 2)}\n` : '\n');
    return 0;
  } finally {
    await opened?.close();
    await pool.close();
  }
}

/** As a user's message where the model has a chat template, which brings its special tokens itself. */
function encodePrompt(
  tokenizer: ModelTokenizer,
  prompt: string,
  raw: boolean,
): Result<readonly number[], Diagnostic> {
  if (raw || !tokenizer.hasChatTemplate) return tokenizer.encode(prompt, { special: true });
  const chat = tokenizer.renderChat([{ role: 'user', content: prompt }]);
  return chat.ok ? tokenizer.encode(chat.value) : fail(chat.error);
}

function endOf({ eos, encode }: ModelTokenizer): number | undefined {
  const ids = eos === undefined ? undefined : encode(eos);
  return ids?.ok && ids.value.length === 1 ? ids.value[0] : undefined;
}

/** Prints a text as it grows: bytes of a character that is not whole wait for the rest. */
function makeStream({ decode }: ModelTokenizer, out: (text: string) => void) {
  let said = '';
  let whole = '';
  const show = (text: string): void => {
    if (text.length === said.length || !text.startsWith(said)) return;
    out(text.slice(said.length));
    said = text;
  };
  return {
    add(ids: readonly number[]): void {
      const text = decode(ids);
      if (!text.ok) return;
      whole = text.value;
      if (!whole.endsWith('\ufffd')) show(whole);
    },
    end(): string {
      show(whole);
      return whole;
    },
  };
}
