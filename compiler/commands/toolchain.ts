import { installDawn } from '../build/install-dawn.ts';
import { installToolchain } from '../build/install-toolchain.ts';
import type { CommandContext, ExitCode, OutputOptions } from './command.ts';
import { exitCodeOf, reportDiagnostics } from './command.ts';
import { interruptible } from './interruptible.ts';

/** `quikc toolchain install`: a pinned compiler into quikc's cache; nothing to do if it is there. */
export async function toolchain(
  what: 'cuda' | 'webgpu',
  options: OutputOptions,
  context: CommandContext,
): Promise<ExitCode> {
  const speaks = options.quiet !== true && options.json !== true;
  const outcome = await interruptible((signal) =>
    what === 'webgpu'
      ? installDawn({ env: context.env, signal })
      : installToolchain({
          env: context.env,
          signal,
          onProgress: ({ step, done, total, item }) => {
            if (speaks) context.err(`${step} ${done + 1} of ${total}: ${item}\n`);
          },
        }),
  );
  if (outcome.interrupted) {
    context.err('interrupted: nothing was installed\n');
    return 130;
  }
  const installed = outcome.value;
  if (!installed.ok) {
    reportDiagnostics([installed.error], options, context);
    return exitCodeOf([installed.error]);
  }
  const { alreadyThere } = installed.value;
  const where = 'nvcc' in installed.value ? installed.value.nvcc : installed.value.folder;
  if (options.json === true) context.out(`${JSON.stringify(installed.value, null, 2)}\n`);
  else if (speaks) context.out(`${alreadyThere ? 'already there' : 'installed'}: ${where}\n`);
  return 0;
}
