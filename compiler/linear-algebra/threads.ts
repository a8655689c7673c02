import { makeSharedRoom, type SharedRoom } from '../support/shared-room.ts';

/** Threads that share the tasks of a job: whoever is free takes the next. No task may depend on another's results. */
export interface Threads<J> {
  /** With the caller's. With more than one, buffers of a job are SharedArrayBuffers. */
  readonly count: number;
  /** For what jobs read and write, by purpose; each of these functions says which it takes. */
  readonly room: SharedRoom;
  /** Comes back when tasks 0 to `tasks - 1` are done. */
  run(job: J, tasks: number): void;
}

/** Does one task of a job: reads and writes the buffers of the job. */
export type Perform<J> = (job: J, task: number) => void;

/** The caller's thread alone. */
export function oneThread<J>(perform: Perform<J>): Threads<J> {
  return {
    count: 1,
    room: makeSharedRoom(),
    run(job, tasks) {
      for (let task = 0; task < tasks; task++) perform(job, task);
    },
  };
}

export function sharedFloats64(length: number): Float64Array<SharedArrayBuffer> {
  return new Float64Array(new SharedArrayBuffer(8 * length));
}
