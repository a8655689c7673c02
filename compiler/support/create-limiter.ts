/** Runs tasks, at most a fixed number at a time. Urgent ones overtake those that still wait. */
export interface Limiter {
  run<T>(task: () => Promise<T>, priority?: 'urgent'): Promise<T>;
}

/** A limiter that lets `limit` tasks run at once, in the order they came. */
export function createLimiter(limit: number): Limiter {
  const waiting: (() => void)[] = [];
  let running = 0;

  function startNext(): void {
    if (running >= limit) return;
    const start = waiting.shift();
    if (start === undefined) return;
    running += 1;
    start();
  }

  return {
    run(task, priority) {
      return new Promise((resolve, reject) => {
        const start = () => {
          task()
            .then(resolve, reject)
            .finally(() => {
              running -= 1;
              startNext();
            });
        };
        if (priority === 'urgent') waiting.unshift(start);
        else waiting.push(start);
        startNext();
      });
    },
  };
}
