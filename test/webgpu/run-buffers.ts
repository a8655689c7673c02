import { findDawn } from '../../compiler/build/find-dawn.ts';
import { runOnAdapter } from '../../compiler/verify/run-on-adapter.ts';
import { evaluate } from '../../ir/formula.ts';
import { planDispatches } from '../../ir/plan-dispatches.ts';
import { contractOf, needsOf, type WgslSpec } from './shader-workbench.ts';

/** The kernel of `spec`, or an altered text of it, on data of the test's own: its outputs; or what the adapter lacks. */
export async function runBuffers(
  spec: WgslSpec,
  text: string,
  tokens: number,
  inputs: Readonly<Record<string, ArrayBufferView>>,
): Promise<ReadonlyMap<string, Uint8Array> | { readonly lacks: string }> {
  const contract = contractOf(spec);
  const buffers = contract.arguments.flatMap((argument) => {
    if (argument.kind !== 'buffer') return [];
    const { name, access } = argument;
    const given = inputs[name];
    const bytes = evaluate(argument.bytes, tokens);
    const fill = (into: Uint8Array) => {
      if (given === undefined) into.fill(0);
      else into.set(new Uint8Array(given.buffer, given.byteOffset, given.byteLength));
    };
    return [{ argument: name, bytes, name, fill, output: access !== 'read' }];
  });
  const dawn = await findDawn(process.env);
  if (!dawn.ok) throw new Error(dawn.error.message);
  const job = { dispatches: planDispatches(contract, tokens), buffers };
  const options = { dawn: dawn.value.module, env: process.env };
  const outputs = buffers.filter(({ output }) => output);
  const ran = await runOnAdapter(
    { text, needs: needsOf(spec) },
    [job],
    options,
    ({ read }) => new Map(outputs.map(({ name }) => [name, new Uint8Array(read(0, name))])),
  );
  if (ran.ok) return ran.value;
  if (ran.error.kind === 'unsupported') return { lacks: ran.error.message };
  throw new Error(ran.error.message);
}
