import type { PresetName } from '../../ir/quant-scheme.ts';
import { presetNames } from '../../ir/quant-scheme.ts';
import { diagnose } from '../diagnostics/codes.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { quoteText } from '../diagnostics/escape-text.ts';
import { suggestName } from '../diagnostics/suggest-name.ts';
import type { Result } from '../support/result.ts';
import { fail, succeed } from '../support/result.ts';
import type { LayerFields, LayerRule, Overrides, ParsedOverrides } from './layer-rule.ts';
import { largestSize } from './schema-values.ts';

/** Reads `--scheme`, `--outliers` and `--layer '<glob>=quik-8b,outliers=896'`. */
export function parseOverrides(overrides: Overrides): Result<ParsedOverrides, readonly Diagnostic[]> {
  const faults: Diagnostic[] = [];
  const layers: LayerRule[] = [];
  for (const text of overrides.layers) {
    const fields = parseLayer(text, faults);
    if (fields !== undefined) layers.push(fields);
  }
  const { scheme } = overrides;
  const outliers = overrides.outliers === undefined ? undefined : toCount(overrides.outliers);
  if (scheme !== undefined && !isPreset(scheme)) faults.push(unknownScheme(scheme, `--scheme ${scheme}`));
  if (overrides.outliers !== undefined && outliers === undefined) {
    const option = `--outliers ${overrides.outliers}`;
    faults.push(badCount(overrides.outliers, option, 'for example --outliers 256'));
  }
  if (faults.length > 0) return fail(faults);
  return succeed({
    layers,
    ...(scheme !== undefined && isPreset(scheme) ? { scheme } : {}),
    ...(outliers === undefined ? {} : { outliers }),
  });
}

function parseLayer(text: string, faults: Diagnostic[]): LayerRule | undefined {
  const option = `--layer ${text}`;
  const equals = text.indexOf('=');
  const match = text.slice(0, Math.max(equals, 0)).trim();
  // Commas inside braces belong to the glob, which ends at the first "=".
  const settings = text
    .slice(equals + 1)
    .split(',')
    .map((setting) => setting.trim());
  const wrong = shapeFault(equals, match, settings);
  if (wrong !== undefined) {
    const expected = '<glob>=<setting>[,<setting>…]';
    faults.push(diagnose('QK131', { option, message: `${quoteText(text)} ${wrong}`, expected }));
    return undefined;
  }
  let fields: LayerFields = {};
  for (const setting of settings) {
    const count = /^outliers=(.*)$/.exec(setting)?.[1];
    if (count !== undefined) {
      const value = toCount(count);
      if (value === undefined)
        faults.push(badCount(count, option, `for example ${quoteText(`${match}=outliers=256`)}`));
      else fields = { ...fields, outliers: { rule: 'uniform', count: value } };
    } else if (isPreset(setting)) fields = { ...fields, scheme: setting };
    else faults.push(unknownScheme(setting, option));
  }
  return { match, fields, origin: option };
}

/** What is wrong with a rule before its settings are looked at. */
function shapeFault(equals: number, match: string, settings: readonly string[]): string | undefined {
  if (equals >= 0 && match === '') return 'names no layers';
  if (equals < 0 || settings.join('') === '') return 'has no settings';
  if (settings.includes('')) return 'has an empty setting';
  if (settings.filter((setting) => setting.startsWith('outliers=')).length > 1) return 'sets outliers twice';
  if (settings.filter(isPreset).length > 1) return 'sets the scheme twice';
  return undefined;
}

function isPreset(name: string): name is PresetName {
  return presetNames.some((preset) => preset === name);
}

function toCount(text: string): number | undefined {
  const value = /^[0-9]{1,9}$/.test(text) ? Number(text) : Number.NaN;
  return value <= largestSize ? value : undefined;
}

function unknownScheme(name: string, option: string): Diagnostic {
  const near = suggestName(name, [...presetNames, 'outliers=']);
  return diagnose('QK131', {
    option,
    message: `${quoteText(name)} is neither a scheme nor outliers=N`,
    expected: `one of ${presetNames.join(', ')}`,
    ...(near === undefined ? {} : { hint: `did you mean "${near}"?` }),
  });
}

function badCount(text: string, option: string, hint: string): Diagnostic {
  return diagnose('QK131', {
    option,
    message: `${quoteText(text)} is not a number of outlier columns`,
    expected: `an integer from 0 to ${largestSize}`,
    hint,
  });
}
