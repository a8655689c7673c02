/** A model.json as it was read: its name as the user gave it, and its text. */
export interface SourceFile {
  readonly file: string;
  readonly text: string;
}
