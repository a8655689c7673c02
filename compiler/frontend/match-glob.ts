/** A glob's braces may stand for this many plain patterns. */
const mostAlternatives = 1024;

/** Layer-name patterns: `*` any text, `?` one character, `{a,b}` either, `{0..7}` a range of numbers. */
export function matchGlob(glob: string, name: string): boolean {
  return expandBraces(glob).some((pattern) => matchWildcards(pattern, name));
}

/** True for a glob that stands for more than its own text. */
export function hasWildcards(glob: string): boolean {
  return /[*?{]/.test(glob);
}

const cache = new Map<string, readonly string[]>();

function expandBraces(glob: string): readonly string[] {
  const known = cache.get(glob);
  if (known !== undefined) return known;
  const patterns = expandFirst(glob).slice(0, mostAlternatives);
  cache.set(glob, patterns);
  return patterns;
}

function expandFirst(glob: string): readonly string[] {
  const open = glob.indexOf('{');
  const close = glob.indexOf('}', open);
  if (open < 0 || close < 0) return [glob];
  const tails = expandFirst(glob.slice(close + 1));
  const heads = alternatives(glob.slice(open + 1, close)).map((middle) => `${glob.slice(0, open)}${middle}`);
  return heads.flatMap((head) => tails.map((tail) => `${head}${tail}`)).slice(0, mostAlternatives);
}

function alternatives(inside: string): readonly string[] {
  const range = /^([0-9]{1,6})\.\.([0-9]{1,6})$/.exec(inside);
  if (range === null) return inside.split(',');
  const first = Number(range[1]);
  const count = Math.min(Math.max(Number(range[2]) - first + 1, 0), mostAlternatives);
  return Array.from({ length: count }, (_, index) => `${first + index}`);
}

/** Two positions that only go back to the latest star: linear for any real name, never exponential. */
function matchWildcards(pattern: string, name: string): boolean {
  let at = 0;
  let star = -1;
  let resume = 0;
  for (let index = 0; index < name.length; ) {
    const symbol = pattern[at];
    if (symbol === '*') {
      star = at++;
      resume = index;
    } else if (symbol === '?' || symbol === name[index]) {
      at += 1;
      index += 1;
    } else if (star >= 0) {
      at = star + 1;
      index = ++resume;
    } else return false;
  }
  while (pattern[at] === '*') at += 1;
  return at === pattern.length;
}
