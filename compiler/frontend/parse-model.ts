import { diagnose } from '../diagnostics/codes.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { createLocator, toPointer } from '../diagnostics/locate-diagnostics.ts';
import { parseJson } from '../diagnostics/parse-json.ts';
import type { SourceFile } from '../diagnostics/source-file.ts';
import type { Result } from '../support/result.ts';
import { fail, succeed } from '../support/result.ts';
import type { ModelJson } from './model-schema.ts';
import { checkModel } from './model-schema.ts';
import { reportSchemaIssues } from './report-schema-issues.ts';

/** The text of a model.json as a checked document. What it says may still make no sense: expansion finds that. */
export function parseModel(source: SourceFile): Result<ModelJson, readonly Diagnostic[]> {
  const { value, faults } = parseJson(source.text);
  const locate = createLocator(source.text);
  const syntax = faults.map(({ code, message, offset, path, expected, hint }) =>
    diagnose(code, {
      file: source.file,
      pointer: toPointer(path),
      ...locate(offset),
      message,
      ...(expected === undefined ? {} : { expected }),
      ...(hint === undefined ? {} : { hint }),
    }),
  );
  if (value === undefined) return fail(syntax);
  const checked = checkModel(value);
  if (!checked.ok) return fail([...syntax, ...reportSchemaIssues(checked.schema, value, checked.issues)]);
  return syntax.length > 0 ? fail(syntax) : succeed(checked.model);
}
