/** What is wrong with a value of a manifest that its schema lets through, and the JSON pointer to it. */
export interface ManifestFault {
  readonly pointer: string;
  readonly message: string;
}
