/**
 * One name for nodes that became one: self_attn.{q,k,v}_proj → self_attn.qkv_proj, mlp.{gate,up}_proj →
 * mlp.gate_up_proj. Names that share no suffix are joined by "+".
 */
export function mergeNames(names: readonly string[]): string {
  const [first] = names;
  if (first === undefined || names.length === 1) return first ?? '';
  const folders = new Set(names.map((name) => name.slice(0, name.lastIndexOf('.') + 1)));
  const leaves = names.map((name) => name.slice(name.lastIndexOf('.') + 1));
  const suffixes = new Set(leaves.map((leaf) => /_[^_]+$/.exec(leaf)?.[0] ?? ''));
  const [folder = ''] = folders;
  const [suffix = ''] = suffixes;
  if (folders.size > 1) return names.join('+');
  if (suffixes.size > 1 || suffix === '') return `${folder}${leaves.join('+')}`;
  const stems = leaves.map((leaf) => leaf.slice(0, -suffix.length));
  return `${folder}${stems.join(stems.every((stem) => stem.length === 1) ? '' : '_')}${suffix}`;
}
