import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Environment } from './quikc-cache-root.ts';
import { fail, type Result, succeed } from './result.ts';

export interface LineProcessRequest {
  readonly file: string;
  readonly args: readonly string[];
  readonly cwd?: string;
  readonly env: Environment;
}

/** A process that lives on and is talked to by lines; why it says nothing more is a sentence. */
export interface LineProcess {
  /** Writes a line and waits for the next answer. */
  ask(line: string, timeoutMs: number): Promise<Result<string, string>>;
  /** The next answer, to whatever was asked. One that is late ends the process. */
  next(timeoutMs: number): Promise<Result<string, string>>;
  isAlive(): boolean;
  kill(): void;
}

/** Starts a process whose answers are JSON, a line each; what else it prints is ignored, or told when it ends. */
export function startLineProcess({ file, args, cwd, env }: LineProcessRequest): LineProcess {
  const child = spawn(file, args, {
    ...(cwd === undefined ? {} : { cwd }),
    env: { ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
    // Ctrl-C is for quikc to hear, which ends this process in good order; if quikc is gone itself, stdin ends.
    detached: true,
  });
  let said = '';
  let ended: string | undefined;
  const answers: string[] = [];
  const waiting: ((answer: Result<string, string>) => void)[] = [];
  const end = (why: string) => {
    if (ended !== undefined) return;
    const detail = said.trim().split('\n').at(-1) ?? '';
    ended = detail === '' ? why : `${why}: ${detail.slice(0, 300)}`;
    for (const receive of waiting.splice(0)) receive(fail(ended));
  };
  const kill = (why = 'the process was stopped') => {
    child.kill('SIGKILL');
    end(why);
  };
  child.stderr.on('data', (text: Buffer) => {
    said = `${said}${text.toString('utf8')}`.slice(-2000);
  });
  child.stdin.on('error', () => {}); // the end is told by 'close'
  child.on('error', (error) => end(`the process does not start: ${error.message}`));
  child.on('close', (code, signal) => end(`the process ended with ${signal ?? code}`));
  createInterface({ input: child.stdout }).on('line', (line) => {
    if (!line.startsWith('{')) return;
    const receive = waiting.shift();
    if (receive === undefined) answers.push(line);
    else receive(succeed(line));
  });

  const next = (timeoutMs: number): Promise<Result<string, string>> => {
    const ready = answers.shift();
    if (ready !== undefined) return Promise.resolve(succeed(ready));
    if (ended !== undefined) return Promise.resolve(fail(ended));
    return new Promise((resolve) => {
      const timer = setTimeout(() => kill(`no answer within ${timeoutMs / 1000} s`), timeoutMs);
      waiting.push((answer) => {
        clearTimeout(timer);
        resolve(answer);
      });
    });
  };
  return {
    next,
    ask(line, timeoutMs) {
      child.stdin.write(`${line}\n`);
      return next(timeoutMs);
    },
    isAlive: () => ended === undefined,
    kill: () => kill(),
  };
}
