#!/usr/bin/env node
// The command line: options to values, and the exit code. Each command's own module is loaded when it runs.
import { Argument, Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import type { CommandContext, ExitCode } from './commands/command.ts';
import { readSurroundings } from './options.ts';
import { openTextOutput } from './support/text-output.ts';
import { version } from './support/version.ts';

let exitCode: ExitCode = 0;

// A reader that closes the pipe (head, less) is no error. A command that has just ended has its exit code by then.
const output = openTextOutput(process.stdout, () => setImmediate(() => process.exit(exitCode)));
const errors = openTextOutput(process.stderr);
const context: CommandContext = { ...readSurroundings(), out: output.write, err: errors.write };

/** Every value: an empty one is a variable that a script forgot to set, never what was meant. */
function given(value: string): string {
  if (value === '') throw new InvalidArgumentError('It is empty.');
  return value;
}

function collect(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, given(value)];
}

/** `quiet`: what -q leaves out. Without, the command is nothing but its result, and has no -q. */
function withOutputOptions(command: Command, quiet?: string): Command {
  command.option('--json', 'print JSON for machines: one document');
  return quiet === undefined ? command : command.option('-q, --quiet', quiet);
}

const errorsOnly = 'print errors only';

function withModelOptions(command: Command, quiet: string): Command {
  return withOutputOptions(command, quiet)
    .option('--scheme <preset>', "default scheme instead of the model's: quik-4b, quik-8b or f16", given)
    .option('--outliers <n>', 'outlier columns per layer, the n of proportional rules too', given)
    .option(
      '--layer <glob=settings>',
      "e.g. '*.down_proj=quik-8b,outliers=896' (repeatable, last wins)",
      collect,
    )
    .addOption(
      new Option('--columns <mode>', 'outlier columns cut out, or left with code 0').choices([
        'compact',
        'in-place',
      ]),
    )
    .option('--dump <dir>', 'write the graph after each pass into a folder', given);
}

const program = new Command('quikc')
  .description('Writes, proves and packages GPU kernels for quantised language models')
  .version(version)
  .configureOutput({ writeOut: context.out, writeErr: context.err })
  .exitOverride()
  .showHelpAfterError('(quikc <command> --help lists the options)');

withModelOptions(program.command('compile'), errorsOnly)
  .description('compile a model to kernels')
  .argument('<model>', 'path of a model.json, a Hugging Face folder or a GGUF file', given)
  .option('--target <id>', 'architecture to compile for', given, 'sm80')
  .option('-o, --output <dir>', 'bundle to write (default: generated/build/<model>.<target>)', given)
  .option('--no-build', 'write sources and manifest only')
  .option('--tuned <device>', "take records of this device (default: those of the target's own GPU)", given)
  .option('--records <dir>', "folder of tuning records (default: in quikc's cache)", given)
  .option('--nvcc <path>', 'the nvcc to build with', given)
  .action(async (file, options) => {
    const { compile } = await import('./commands/compile.ts');
    exitCode = await compile(file, options, context);
  });

withModelOptions(program.command('inspect'), 'print no warnings')
  .description('show what a model consists of and what its scheme makes of it, or what a bundle holds')
  .argument('<model>', 'path of a model.json, a Hugging Face folder, a GGUF file or a bundle', given)
  .action(async (file, options) => {
    const { inspect } = await import('./commands/inspect.ts');
    exitCode = await inspect(file, options, context);
  });

withOutputOptions(program.command('import'), errorsOnly)
  .description('describe a checkpoint as a model.json, to be changed and kept')
  .argument('<checkpoint>', 'a Hugging Face folder, or a GGUF file', given)
  .option('-o, --output <file>', 'model.json to write (default: print it)', given)
  .action(async (path, options) => {
    const { importCheckpoint } = await import('./commands/import.ts');
    exitCode = await importCheckpoint(path, options, context);
  });

withOutputOptions(program.command('calibrate'), errorsOnly)
  .description('gather what enters each linear of a model over a text: what quantising it is decided by')
  .argument('<model>', 'a Hugging Face folder, a GGUF file, or a model.json that names weights', given)
  .option('--tokens <file>', 'token ids as little-endian uint16', given)
  .option('--text <file>', "a text, cut by the model's tokenizer", given)
  .option('--act-scales <file>', "SmoothQuant's scales as safetensors, to convert instead", given)
  .option('--window <n>', 'tokens that the model sees at once (default: 512, or its context)', given)
  .option('--max-tokens <n>', 'take no more than the first n', given)
  .option('--grams', 'the products of columns too, which GPTQ needs: 8 K² bytes a linear input')
  .option('--threads <n>', 'threads (default: one a core)', given)
  .requiredOption('-o, --output <file>', 'calibration file to write', given)
  .action(async (path, options) => {
    const { calibrate } = await import('./commands/calibrate.ts');
    const worker = new URL('./multiply-worker.js', import.meta.url);
    exitCode = await calibrate(path, options, context, worker);
  });

const evaluateWorker = new URL('./evaluate-worker.js', import.meta.url);

withModelOptions(program.command('quantize'), errorsOnly)
  .description(
    "turn a checkpoint's weights into codes that the kernels read, with outlier columns by calibration",
  )
  .argument('<model>', 'a Hugging Face folder, a GGUF file, or a model.json that names weights', given)
  .option('--tokens <file>', 'calibrate with token ids, little-endian uint16', given)
  .option('--text <file>', "calibrate with a text, cut by the model's tokenizer", given)
  .option('--calibration <file>', 'take what quikc calibrate has gathered', given)
  .option('--window <n>', 'tokens that the model sees at once (default: 512, or its context)', given)
  .option('--max-tokens <n>', 'take no more than the first n', given)
  .option('--method <name>', 'gptq, or rtn: round to the nearest code (default: gptq)', given)
  .option('--damping <x>', "GPTQ: part of the Hessian's mean diagonal (default: 0.01)", given)
  .option('--order <name>', 'GPTQ: score, natural or act-order (default: score, rising max |x|)', given)
  .option(
    '--score <tokens>',
    'columns by max |x| of all tokens, or of the rest after the first (default: all)',
    given,
  )
  .option('--propagate', 'let each layer see what became of those before it')
  .option('--sparsity <pattern>', 'prune all of them: 2:4 or 4:8-pairs (default: as the model says)', given)
  .option('--no-clip', 'scales that cover every weight, in place of those of least error')
  .option(
    '--threshold <x>',
    'no outlier columns where no input exceeds it, twice it at 8 bit (default: 0)',
    given,
  )
  .option('--threads <n>', 'threads (default: one a core)', given)
  .option('--export-work <file>', 'with --calibration: write what gptq_torch.py is to do on a GPU', given)
  .option('--ppl-budget <x>', 'search the cheapest recipe of at most x times the perplexity, as 1.05', given)
  .option('--eval-tokens <file>', 'budget: measure it on token ids, little-endian uint16', given)
  .option('--eval-text <file>', 'budget: measure it on a text', given)
  .option('--eval-window <n>', 'budget: tokens that the model sees at once (default: as --window)', given)
  .option('--eval-max-tokens <n>', 'budget: measure it on no more than the first n', given)
  .option('--target <id>', 'budget: what costs are modelled for (default: sm80)', given)
  .option('--rows <n>', 'budget: tokens of a launch (default: 2048)', given)
  .option('--minimise <what>', 'budget: time or size (default: time)', given)
  .option('--measurements <n>', 'budget: recipes measured at most (default: 8)', given)
  .requiredOption('-o, --output <dir>', 'quantised checkpoint to write', given)
  .action(async (path, options) => {
    const { quantize } = await import('./commands/quantize.ts');
    const worker = new URL('./quantise-worker.js', import.meta.url);
    exitCode = await quantize(path, options, context, worker, evaluateWorker);
  });

withOutputOptions(program.command('pack'), errorsOnly)
  .description('pack the weights of a quantised checkpoint as the kernels read them, for every target alike')
  .argument(
    '<model>',
    'model.json that quikc quantize wrote, or one whose layers list their outlier columns',
    given,
  )
  .requiredOption('-o, --output <file>', 'safetensors file to write', given)
  .action(async (path, options) => {
    const { pack } = await import('./commands/pack.ts');
    exitCode = await pack(path, options, context);
  });

withOutputOptions(program.command('verify'), 'print nothing unless something is wrong')
  .description("execute a bundle's kernels, on the CPU or a GPU, and compare them with the float64 oracle")
  .argument('<bundle>', 'folder that compile wrote', given)
  .option('--kernel <id>', 'only the kernel of this id, or those whose ids begin or end so', given)
  .option('--m <list>', 'token counts instead of the edges of each range, e.g. 1,16,17,2048', given)
  .option('--seed <n>', 'data, order of warps and CTAs, errors of approximate instructions', given, '1')
  .option('--full', 'every CTA instead of a sample')
  .option('--threads <n>', 'worker threads (default: one a core)', given)
  .option('--device <n>', 'a GPU in place of the CPU: results, no races', given)
  .action(async (folder, options) => {
    const { verify } = await import('./commands/verify.ts');
    exitCode = await verify(folder, options, context, new URL('./verify-worker.js', import.meta.url));
  });

withOutputOptions(program.command('explain'))
  .description('show the kernels of a bundle, or why one of them is as it is')
  .argument('<bundle>', 'folder that compile wrote', given)
  .argument('[kernel]', 'its id, or a unique beginning or ending of it', given)
  .action(async (folder, kernel, options) => {
    const { explain } = await import('./commands/explain.ts');
    exitCode = await explain(folder, kernel, options, context);
  });

function withEvaluationOptions(command: Command, on: string): Command {
  return withModelOptions(command, errorsOnly)
    .option('--on <list>', on, given)
    .option('--bundle <dir>', "kernels to execute (default: compiled into quikc's cache)", given)
    .option('--tokenizer <model>', 'model whose tokenizer to take (default: its own)', given)
    .option('--threads <n>', 'threads (default: one a core)', given);
}

withEvaluationOptions(
  program.command('eval'),
  'float, oracle, ptx, webgpu: one or several (default: float,oracle)',
)
  .description('measure how well a quantised model foresees a text, by what its kernels compute')
  .argument('<model>', 'path of a model.json, a Hugging Face folder or a GGUF file', given)
  .option('--tokens <file>', 'text as little-endian 16-bit token ids', given)
  .option('--text <file>', "text in UTF-8, for the model's tokenizer", given)
  .option('--window <n>', 'tokens of a window: each is a sequence of its own', given, '256')
  .option('--max-tokens <n>', 'no more than these of the text', given)
  .option('--against <model>', 'float weights of a model that is quantised already', given)
  .option('--layers', 'errors layer by layer, on the inputs that the oracle gives each')
  .action(async (file, options) => {
    const { evaluate } = await import('./commands/eval.ts');
    exitCode = await evaluate(file, options, context, evaluateWorker);
  });

withEvaluationOptions(program.command('run'), 'float, oracle, ptx or webgpu (default: oracle)')
  .description('let a quantised model continue a prompt, by what its kernels compute')
  .argument('<model>', 'path of a model.json, a Hugging Face folder or a GGUF file', given)
  .argument('<prompt>', 'what to say to it', given)
  .option('--max-new-tokens <n>', 'no more than these', given, '32')
  .option('--raw', 'continue the prompt as it stands, without the chat template')
  .action(async (file, prompt, options) => {
    const { run } = await import('./commands/run.ts');
    exitCode = await run(file, prompt, options, context, evaluateWorker);
  });

const tuneCommand = withOutputOptions(program.command('tune'), errorsOnly)
  .description("try other schedules of a bundle's kernels where they run, and keep what was measured")
  .argument('<bundle>', 'folder that compile wrote', given)
  .option('--kernel <id>', 'only the kernel of this id, or those whose ids begin or end so', given)
  .option('--budget <time>', 'for everything, e.g. 90s, 2m, 1h', given, '2m')
  .option('--top <n>', 'schedules to try for each problem and range of M', given, '12')
  .option('--device <n>', 'which GPU', given, '0')
  .option('--seed <n>', 'what is drawn at random, and the data', given, '1')
  .option('--records <dir>', "folder of tuning records (default: in quikc's cache)", given)
  .option('--nvcc <path>', 'the nvcc to build with', given)
  .action(async (folder, options) => {
    const { tune } = await import('./commands/tune.ts');
    const worker = new URL('./verify-worker.js', import.meta.url);
    exitCode = await tune(folder, options, context, worker);
  });

tuneCommand
  .command('merge')
  .description('put records from elsewhere beside the own ones; of equal things, all trials')
  .argument('<from...>', 'folders of records, or single ones', collect)
  .option('--records <dir>', "folder to put them in (default: in quikc's cache)", given)
  .action(async (from, _options, command) => {
    const { tuneMerge } = await import('./commands/tune-merge.ts');
    exitCode = tuneMerge(from, command.optsWithGlobals(), context);
  });

withOutputOptions(program.command('targets'))
  .description('show the architectures quikc knows, and what has kernels on each')
  .action(async (options) => {
    const { targets } = await import('./commands/targets.ts');
    exitCode = await targets(options, context);
  });

withOutputOptions(program.command('doctor'), 'print nothing unless something is wrong')
  .description('check whether this machine can build kernels')
  .option('--nvcc <path>', 'the nvcc to build with', given)
  .action(async (options) => {
    const { doctor } = await import('./commands/doctor.ts');
    exitCode = await doctor(options, context);
  });

const toolchainCommand = program.command('toolchain').description("compilers in quikc's cache");
withOutputOptions(toolchainCommand.command('install'), errorsOnly)
  .description('download a pinned compiler; does nothing if it is there')
  .addArgument(
    new Argument('[what]', 'cuda: nvcc, by pip; webgpu: Dawn, by npm')
      .choices(['cuda', 'webgpu'])
      .default('cuda'),
  )
  .action(async (what: 'cuda' | 'webgpu', options) => {
    const { toolchain } = await import('./commands/toolchain.ts');
    exitCode = await toolchain(what, options, context);
  });

try {
  await program.parseAsync();
} catch (cause) {
  if (cause instanceof CommanderError) exitCode = cause.exitCode === 0 ? 0 : 2;
  else {
    const { reportCrash } = await import('./commands/report-crash.ts');
    exitCode = reportCrash(cause, context);
  }
}
const unwritten = await output.settle();
if (unwritten !== undefined) {
  const { reportUnwritten } = await import('./commands/report-unwritten.ts');
  exitCode = reportUnwritten(unwritten, exitCode, context);
}
process.exitCode = exitCode;
