import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import type { Result } from '../support/result.ts';
import { type DeviceOptions, type DeviceReply, runOnDevice } from './run-on-device.ts';

/** What GPU there is under a number. Fails with 8xx as a job would, with QK810 where there is none. */
export async function askDevice(
  device: number,
  options: DeviceOptions,
): Promise<Result<DeviceReply['device'], Diagnostic>> {
  const asked = await runOnDevice({ modules: [], buffers: [], launches: [], device }, options);
  return asked.ok ? { ok: true, value: asked.value.device } : asked;
}
