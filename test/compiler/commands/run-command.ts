import type { CommandContext, ExitCode } from '../../../compiler/commands/command.ts';

export interface CommandRun {
  readonly code: ExitCode;
  readonly out: string;
  readonly err: string;
}

/** Runs a command in this process, with its output kept: no colours, nothing from the environment but what is given. */
export async function runCommand(
  command: (context: CommandContext) => Promise<ExitCode>,
  env: CommandContext['env'] = {},
): Promise<CommandRun> {
  let out = '';
  let err = '';
  const code = await command({
    env,
    debug: 0,
    color: { out: false, err: false },
    out: (text) => {
      out += text;
    },
    err: (text) => {
      err += text;
    },
  });
  return { code, out, err };
}
