import { expect, test } from 'vitest';
import { interruptible } from '../../../compiler/commands/interruptible.ts';

test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
  '%s asks an action to stop in good order',
  async (name) => {
    const before = process.listenerCount(name);
    const outcome = await interruptible(async (signal) => {
      // Sent to nobody but the listeners: whoever runs this test is left alone.
      process.emit(name, name);
      return signal.aborted;
    });
    expect(outcome).toEqual({ interrupted: true });
    expect(process.listenerCount(name)).toBe(before);
  },
);
