export type Severity = "error" | "warning" | "info";

/** Both count from 1; columns count UTF-16 code units. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** `end` is exclusive. */
export interface Range {
  readonly start: Position;
  readonly end: Position;
}

/** Replacing `range` by `text` settles the finding. */
export interface Fix {
  readonly title: string;
  readonly range: Range;
  readonly text: string;
}

/** One finding about a source file (spec nib-and-images.md §9.3). */
export interface Diagnostic {
  /** Stable, e.g. `NIB214`. */
  readonly code: string;
  readonly severity: Severity;
  readonly message: string;
  readonly file?: string;
  readonly range?: Range;
  /** Place inside the data, e.g. `variants[0].key`. */
  readonly path?: string;
  /** What to do next. */
  readonly help?: string;
  readonly fix?: Fix;
}
