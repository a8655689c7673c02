import { importCheckpoint } from '../../../../compiler/commands/import.ts';
import { noOverrides } from '../../../../compiler/frontend/layer-rule.ts';
import { loadGraph } from '../../../../compiler/load-graph.ts';
import type { Graph } from '../../../../ir/graph.ts';
import { runCommand } from '../../commands/run-command.ts';

/** The model.json that quikc import makes of a checkpoint. */
export async function factsOf(path: string): Promise<Record<string, unknown>> {
  const { out, err, code } = await runCommand((context) => importCheckpoint(path, {}, context));
  if (code !== 0) throw new Error(err);
  return JSON.parse(out) as Record<string, unknown>;
}

/** Why a checkpoint is refused: code, pointer, line and message of each fault. */
export async function faultsOf(path: string): Promise<string> {
  const loaded = await loadGraph({ file: path, overrides: noOverrides });
  if (loaded.ok) throw new Error('the checkpoint was taken');
  return loaded.error
    .map(({ code, message, pointer, line }) => `${code} ${pointer ?? ''} ${line ?? ''} ${message}`)
    .join('\n');
}

/** The graph of a checkpoint before any pass. */
export async function graphOf(path: string): Promise<Graph> {
  let imported: Graph | undefined;
  const onGraph = (index: number, _name: string, graph: Graph) => {
    if (index === 0) imported = graph;
    return undefined;
  };
  const loaded = await loadGraph({ file: path, overrides: noOverrides, onGraph });
  if (!loaded.ok || imported === undefined) throw new Error(JSON.stringify(loaded));
  return imported;
}
