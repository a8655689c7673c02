import { askDevice } from '../device/ask-device.ts';
import { cudaVersion } from '../device/cuda-version.ts';
import type { DeviceReply } from '../device/run-on-device.ts';
import { diagnose } from '../diagnostics/codes.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { quoteText } from '../diagnostics/escape-text.ts';
import type { Environment } from '../support/quikc-cache-root.ts';
import { fail, type Result, succeed } from '../support/result.ts';
import type { GpuPlace } from '../verify/verification.ts';

export interface FoundGpu {
  readonly place: GpuPlace;
  /** Its name and driver, for people. */
  readonly name: string;
  readonly device: DeviceReply['device'];
}

/** The GPU that `--device` numbers; undefined without that. Fails with QK701 for what is no number, 8xx without a GPU. */
export async function findGpu(
  number: string | undefined,
  env: Environment,
): Promise<Result<FoundGpu | undefined, Diagnostic>> {
  if (number === undefined) return succeed(undefined);
  if (!/^\d{1,3}$/.test(number)) {
    const message = `--device ${quoteText(number)}`;
    return fail(diagnose('QK701', { message, expected: 'the number of a GPU, from 0 on' }));
  }
  const place = { device: Number(number), env: { ...env } };
  const asked = await askDevice(place.device, { env });
  if (!asked.ok) return asked;
  const device = asked.value;
  return succeed({ place, name: `${device.name}, driver for CUDA ${cudaVersion(device.driver)}`, device });
}
