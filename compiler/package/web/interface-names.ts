import type { WebLinear, WebSite } from './describe-web.ts';

export interface InterfaceNames {
  /** Of a site's quantize, or of a linear. */
  get(of: WebSite | WebLinear): string;
}

/** Names of the interfaces of launches' buffers: identifiers, each once, whatever nodes are called. */
export function interfaceNames(sites: readonly WebSite[]): InterfaceNames {
  const taken = new Set<string>();
  const known = new Map<WebSite | WebLinear, string>();
  const name = (of: WebSite | WebLinear, wanted: string) => {
    let free = wanted;
    for (let count = 2; taken.has(free); count++) free = `${wanted}${count}`;
    taken.add(free);
    known.set(of, free);
  };
  for (const site of sites) {
    name(site, `${toPascalCase(site.id)}Quantize`);
    for (const linear of site.linears) {
      const parts = linear.name === site.id ? [site.id] : [site.id, linear.name];
      name(linear, `${parts.map(toPascalCase).join('')}Linear`);
    }
  }
  return { get: (of) => known.get(of) ?? '' };
}

function toPascalCase(text: string): string {
  const words = text.split(/[^A-Za-z0-9]+/).filter((word) => word !== '');
  const joined = words.map((word) => `${word[0]?.toUpperCase()}${word.slice(1)}`).join('');
  return /^[A-Za-z]/.test(joined) ? joined : `Site${joined}`;
}
