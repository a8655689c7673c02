import { describe, expect, test } from 'vitest';
import { codes, diagnose } from '../../../compiler/diagnostics/codes.ts';
import { escapeText, quoteText } from '../../../compiler/diagnostics/escape-text.ts';
import {
  formatDiagnostics,
  formatDiagnosticsJson,
} from '../../../compiler/diagnostics/format-diagnostics.ts';
import { suggestName } from '../../../compiler/diagnostics/suggest-name.ts';
import { toIdentifier } from '../../../compiler/diagnostics/to-identifier.ts';

const fault = diagnose('QK201', {
  file: 'model.json',
  line: 3,
  column: 7,
  pointer: '/graph/blocks/0/nodes/1/in',
  message: 'down takes 64 features, its input up has 96',
  expected: '96',
  trail: ['layer 3 mlp.up', 'linear w4a4'],
});

test('a diagnostic for people', () => {
  expect(
    `\n${formatDiagnostics([fault, diagnose('QK140', { message: 'none given' })], { color: false })}`,
  ).toMatchInlineSnapshot(`
    "
    error QK201 features do not match
      at        model.json:3:7  /graph/blocks/0/nodes/1/in
      what      down takes 64 features, its input up has 96
      expected  96
      within    layer 3 mlp.up → linear w4a4
      hint      make the node take as many features as its input has

    warning QK140 outlier columns unknown
      what      none given
      hint      calibrate the model, or list the columns in model.json

    1 error, 1 warning
    "
  `);
});

test('colours only when asked', () => {
  expect(formatDiagnostics([fault], { color: false })).not.toContain('\u001b');
  expect(formatDiagnostics([fault], { color: true })).toContain('\u001b[1;31merror\u001b[0m');
});

test('of many, some are shown and the rest is counted', () => {
  const text = formatDiagnostics(
    Array.from({ length: 100 }, () => fault),
    { color: false },
  );
  expect(text.match(/^error/gm)).toHaveLength(20);
  expect(text).toContain('… and 80 more\n\n100 errors\n');
  expect(formatDiagnostics([], { color: false })).toBe('');
});

test('JSON is the records as they are', () => {
  expect(JSON.parse(formatDiagnosticsJson([fault]))).toEqual({ diagnostics: [fault] });
});

test('no text of a model can move a terminal’s cursor', () => {
  const hostile = diagnose('QK107', {
    message: 'a\u001b[2J\u0007\r\nb\u202ec\u2028d\u009be\ufeff',
    file: 'x\u001b]0;y\u0007',
  });
  const text = formatDiagnostics([hostile], { color: false });
  expect(text.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
  expect(text).toContain('a\\u{1b}[2J\\u{7}\\r\\nb\\u{202e}c');
  expect(escapeText('x'.repeat(1000)).length).toBeLessThan(300);
  expect(quoteText('say "hi"')).toBe('"say \\"hi\\""');
});

describe('identifiers', () => {
  const hostile = [
    '"; rm -rf /',
    '../../etc/passwd',
    'a\nb',
    '',
    '7b',
    'a b',
    'ä',
    '$(reboot)',
    '-x',
    'a'.repeat(500),
    '\u0000',
    'CON',
    'a.b',
  ];
  test.each(hostile)('%j becomes a safe one', (name) => {
    const identifier = toIdentifier(name);
    expect(identifier).toMatch(/^[A-Za-z_][A-Za-z0-9_]*$/);
    expect(identifier.length).toBeLessThanOrEqual(64);
  });
  test('a safe name is kept, different names stay different', () => {
    expect(toIdentifier('layers_3_up')).toBe('layers_3_up');
    expect(new Set(['a.b', 'a-b', 'a b', 'a_b', 'a/b'].map((name) => toIdentifier(name))).size).toBe(5);
    expect(toIdentifier('7b')).not.toBe(toIdentifier('_7b'));
    expect(toIdentifier(`${'x'.repeat(100)}1`)).not.toBe(toIdentifier(`${'x'.repeat(100)}2`));
  });
});

test('did you mean', () => {
  expect(suggestName('sheme', ['scheme', 'name'])).toBe('scheme');
  expect(suggestName('Scheme', ['scheme'])).toBe('scheme');
  expect(suggestName('banana', ['scheme', 'name'])).toBeUndefined();
  expect(suggestName('x'.repeat(100_000), ['scheme'])).toBeUndefined();
});

test('the table: every code is well formed and has words', () => {
  for (const [code, record] of Object.entries(codes)) {
    expect(code).toMatch(/^QK[1-9][0-9]{2}$/);
    expect([record?.title, record?.hint]).toEqual([
      expect.stringMatching(/.{4}/),
      expect.stringMatching(/.{4}/),
    ]);
  }
});
