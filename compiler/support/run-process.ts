import type { Environment } from './quikc-cache-root.ts';

export interface ProcessRequest {
  readonly file: string;
  readonly args: readonly string[];
  readonly cwd?: string;
  /** The whole environment of the child: nothing is inherited. */
  readonly env: Environment;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** How a child process ended. `exited` with code 0 is the only success. */
export type ProcessOutcome =
  | { readonly kind: 'exited'; readonly code: number; readonly stdout: string; readonly stderr: string }
  | { readonly kind: 'killed'; readonly by: string; readonly stderr: string }
  | { readonly kind: 'timed-out'; readonly stderr: string }
  | { readonly kind: 'cancelled' }
  | { readonly kind: 'not-started'; readonly reason: string };

/** Output beyond this is cut: a tool gone wild must not exhaust our memory. */
const maxOutputBytes = 4 * 1024 * 1024;
/** After a kill, how long we wait for a grandchild that escaped the group and still holds our pipes. */
const graceMs = 1000;

const liveGroups = new Set<number>();
let exitHookInstalled = false;

/**
 * Runs a program without a shell, in a process group of its own, so that a time-out or cancellation ends the
 * compilers that it started as well as itself.
 */
export async function runProcess(request: ProcessRequest): Promise<ProcessOutcome> {
  if (request.signal?.aborted) return { kind: 'cancelled' };
  const { execa } = await import('execa'); // loaded here: an unchanged rebuild starts no process
  installExitHook();
  const child = execa(request.file, request.args, {
    ...(request.cwd === undefined ? {} : { cwd: request.cwd }),
    env: withoutUnset(request.env),
    extendEnv: false,
    detached: true,
    cleanup: false,
    reject: false,
    stdin: 'ignore',
    maxBuffer: maxOutputBytes,
    stripFinalNewline: true,
  });
  const group = child.pid;
  if (group !== undefined) liveGroups.add(group);

  let end: 'timed-out' | 'cancelled' | undefined;
  let giveUp: () => void = () => {};
  const gaveUp = new Promise<undefined>((resolve) => {
    giveUp = () => resolve(undefined);
  });
  let grace: NodeJS.Timeout | undefined;
  const stop = (reason: 'timed-out' | 'cancelled') => {
    if (end !== undefined) return;
    end = reason;
    killGroup(group);
    grace = setTimeout(giveUp, graceMs);
  };
  const onAbort = () => stop('cancelled');
  const timer = setTimeout(() => stop('timed-out'), request.timeoutMs);
  request.signal?.addEventListener('abort', onAbort, { once: true });
  try {
    const result = await Promise.race([child, gaveUp]);
    if (end === 'cancelled') return { kind: 'cancelled' };
    if (end === 'timed-out') return { kind: 'timed-out', stderr: result?.stderr ?? '' };
    if (result === undefined) return { kind: 'cancelled' };
    if (result.isMaxBuffer) return { kind: 'killed', by: 'too much output', stderr: '' };
    if (result.exitCode !== undefined)
      return { kind: 'exited', code: result.exitCode, stdout: result.stdout, stderr: result.stderr };
    if (result.signal !== undefined) return { kind: 'killed', by: result.signal, stderr: result.stderr };
    if (group === undefined) return { kind: 'not-started', reason: startFault(request, result.code) };
    return { kind: 'killed', by: result.code ?? 'unknown reason', stderr: result.stderr };
  } finally {
    clearTimeout(timer);
    clearTimeout(grace);
    request.signal?.removeEventListener('abort', onAbort);
    // Whatever a tool left running in its group ends with it.
    killGroup(group);
    if (group !== undefined) liveGroups.delete(group);
  }
}

function startFault(request: ProcessRequest, code: string | undefined): string {
  if (code === 'ENOENT') return `${request.file} does not exist`;
  if (code === 'EACCES') return `${request.file} is not executable`;
  return code ?? 'unknown reason';
}

function withoutUnset(env: Environment): Record<string, string> {
  const set: Record<string, string> = {};
  for (const [name, value] of Object.entries(env)) if (value !== undefined) set[name] = value;
  return set;
}

function killGroup(group: number | undefined): void {
  if (group === undefined) return;
  try {
    process.kill(-group, 'SIGKILL');
  } catch {
    // The group is gone already: what we wanted.
  }
}

/** Detached children outlive us unless told: on any orderly exit their groups are ended. */
function installExitHook(): void {
  if (exitHookInstalled) return;
  exitHookInstalled = true;
  process.once('exit', () => {
    for (const group of liveGroups) killGroup(group);
  });
}
