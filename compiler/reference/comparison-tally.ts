const notesKept = 8;

/** Counts compared elements and failures, keeps the worst and the first few explanations. */
export class ComparisonTally {
  private elements = 0;
  private exact = 0;
  private failures = 0;
  private worst = 0;
  private worstAt = '';
  private readonly notes: string[] = [];

  /** One element. `ratio` is its error as a fraction of its own bound; `explain` is called for failures and the worst. */
  add(right: boolean, ratio: number, explain: () => string): void {
    this.elements++;
    if (!right) {
      this.failures++;
      if (this.failures <= notesKept) this.notes.push(explain());
    }
    // A NaN or infinite result has no finite error; a report must stay JSON.
    const finite = Number.isFinite(ratio) ? ratio : Number.MAX_VALUE;
    if (finite > this.worst) {
      this.worst = finite;
      this.worstAt = explain();
    }
  }

  /** Marks the element being added as compared bit for bit. */
  countExact(): void {
    this.exact++;
  }

  /** A fault that is no element's error, such as a stray write. */
  fail(what: string): void {
    this.failures++;
    if (this.failures <= notesKept) this.notes.push(what);
    if (this.worst < Number.MAX_VALUE) {
      this.worst = Number.MAX_VALUE;
      this.worstAt = what;
    }
  }

  note(what: string): void {
    this.notes.push(what);
  }

  /** Plain data, in the form of a family's Comparison. */
  result(): {
    readonly elements: number;
    readonly failures: number;
    readonly worst: number;
    readonly worstAt: string;
    readonly notes: readonly string[];
  } {
    const { elements, failures, worst, worstAt } = this;
    const exact = this.exact > 0 ? [`${this.exact} of ${elements} elements compared bit for bit`] : [];
    return { elements, failures, worst, worstAt, notes: [...this.notes, ...exact] };
  }
}
