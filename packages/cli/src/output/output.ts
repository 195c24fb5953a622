import type { ProgramName } from "../failure/codes.ts";
import { foreignText } from "./foreign-text.ts";
import { type OutputStream, type Paint, paintFor } from "./paint.ts";
import { type Progress, showProgress } from "./progress.ts";
import { type Column, renderTable } from "./table.ts";

export interface Warning {
  readonly code: string;
  readonly message: string;
  readonly file?: string;
  readonly line?: number;
  readonly col?: number;
}

interface OutputChoices {
  readonly program: ProgramName;
  readonly format: "text" | "json";
  readonly verbosity: number;
  /** The verb in dotted form, for example `image.push`. */
  readonly command: string;
  /** Default: those of the process. */
  readonly streams?: OutputStreams;
}

/** Where results go, and what is said on the way to them. */
export interface OutputStreams {
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
}

/**
 * Everything a command says goes through here. Results go to stdout, everything about the way there to stderr;
 * with `--format json` stdout is exactly one JSON document. A failure of `nib` is that document (nib-and-images §1.9), next to its
 * message for people on stderr; that of the others is a document on stderr (host-daemon DB-2.1).
 */
export class Output {
  readonly program: ProgramName;
  readonly format: "text" | "json";
  readonly verbosity: number;
  readonly command: string;
  readonly paint: Paint;
  readonly errorPaint: Paint;
  readonly #streams: OutputStreams;
  readonly #warnings: Warning[] = [];
  #reporting = false;

  constructor(choices: OutputChoices) {
    this.program = choices.program;
    this.format = choices.format;
    this.verbosity = choices.verbosity;
    this.command = choices.command;
    this.#streams = choices.streams ?? process;
    this.paint = paintFor(this.#streams.stdout);
    this.errorPaint = paintFor(this.#streams.stderr);
  }

  /** A line of the result, for people. */
  line(text = ""): void {
    if (this.format === "text") (this.#reporting ? this.#streams.stderr : this.#streams.stdout).write(`${text}\n`);
  }

  /** From now on stdout is for a report that programs read, which `raw` writes: lines for people go to stderr. */
  report(): void {
    this.#reporting = true;
  }

  /** Bytes of a result that is passed through as it is: job logs, the answer of a plugin function. */
  raw(bytes: Uint8Array | string): void {
    if (this.format === "text") this.#streams.stdout.write(bytes);
  }

  /** Somebody else's text as a result: as it is for a program, harmless for a terminal. */
  foreign(text: string): string {
    return this.#streams.stdout.isTTY ? foreignText(text) : text;
  }

  table<Row>(columns: readonly Column<Row>[], rows: readonly Row[]): void {
    this.line(renderTable(columns, rows, this.paint));
  }

  /** The result, for programs. `nib` wraps it (nib-and-images §1.9), the others print it as it is. */
  document(data: unknown, outcome: { readonly error?: unknown } = {}): void {
    if (this.format !== "json") return;
    const ok = outcome.error === undefined;
    const wrapped = { ok, command: this.command, data, warnings: this.#warnings, error: outcome.error };
    this.#writeDocument(this.program === "nib" ? wrapped : data);
  }

  /** A result whose shape is a contract of its own, without the wrapping. */
  bareDocument(data: unknown): void {
    if (this.format === "json") this.#writeDocument(data);
  }

  /** One event of a stream of them: a JSON document in a line. */
  event(event: unknown): void {
    if (this.format === "json") this.#streams.stdout.write(`${JSON.stringify(event)}\n`);
  }

  warn(warning: Warning): void {
    this.#warnings.push(warning);
    if (this.format === "json") return;
    const place = warning.file ? `${[warning.file, warning.line, warning.col].filter(Boolean).join(":")}: ` : "";
    this.complain(`${this.errorPaint("yellow", "Warning:")} ${place}${warning.message} (${warning.code})`);
  }

  /** A warning that was shown in another form already: only the document has to hold it. */
  collect(warning: Warning): void {
    this.#warnings.push(warning);
  }

  /** Says what is being done: 1 = steps, 2 = commands and calls, 3 = their content (nib-and-images §1.1). */
  note(level: 1 | 2 | 3, text: string): void {
    if (this.verbosity >= level) this.complain(this.errorPaint("dim", text));
  }

  /** Shows that something long is going on; on a terminal it moves, elsewhere it is one line. */
  progress(title: string): Progress {
    return showProgress(title, this.format === "text" ? this.#streams.stderr : undefined, this.errorPaint);
  }

  complain(text: string): void {
    this.#streams.stderr.write(`${text}\n`);
  }

  /** The failure as a document. */
  failure(error: object): void {
    if (this.program === "nib") this.#writeDocument({ ok: false, command: this.command || undefined, error });
    else this.#streams.stderr.write(`${JSON.stringify({ error })}\n`);
  }

  #writeDocument(document: unknown): void {
    const pretty = this.#streams.stdout.isTTY ? 2 : undefined;
    this.#streams.stdout.write(`${JSON.stringify(document, jsonValue, pretty)}\n`);
  }
}

/** 64-bit numbers stay exact: as numbers while they are safe, as text beyond. */
export function jsonValue(_key: string, value: unknown): unknown {
  if (typeof value !== "bigint") return value;
  return Number.isSafeInteger(Number(value)) ? Number(value) : value.toString();
}
