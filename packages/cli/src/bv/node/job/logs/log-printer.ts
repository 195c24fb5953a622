import { logLineText } from "../../../../daemon/log-line.ts";
import { bytesText } from "../../../../output/bytes.ts";
import type { Output } from "../../../../output/output.ts";
import type { NamedLine } from "./logs.ts";

/** Prints lines as they come. Those of several jobs carry their job's name; a line that comes in pieces is one line. */
export class LogPrinter {
  readonly #out: Output;
  readonly #named: boolean;
  /** By job, what was printed of a line that goes on, or waits to be printed as a whole. */
  readonly #pieces = new Map<string, string>();

  constructor(out: Output, named: boolean) {
    this.#out = out;
    this.#named = named;
  }

  print(line: NamedLine): void {
    const { job, text = "", continued = false } = line;
    const skipped = Number(line.skippedBytes ?? 0);
    if (skipped > 0)
      this.#out.line(this.#out.paint("dim", `... ${bytesText(skipped)} are gone, the log was too long ...`));
    this.#out.event({
      job,
      sequence: exact(line.sequence),
      time: line.time ?? null,
      text,
      ...(continued ? { continued } : {}),
      ...(skipped > 0 ? { skipped_bytes: skipped } : {}),
    });
    const before = this.#pieces.get(job);
    const shown = this.#out.foreign(before === undefined ? logLineText(line) : text);
    if (this.#named) this.#printNamed(job, `${before ?? ""}${shown}`, continued);
    else if (continued) {
      // A prompt is shown although its line has not ended.
      this.#pieces.set(job, "");
      this.#out.raw(shown);
    } else {
      this.#pieces.delete(job);
      this.#out.line(shown);
    }
  }

  /** Between lines of other jobs a piece of a line cannot stand by itself. */
  #printNamed(job: string, text: string, continued: boolean): void {
    if (continued && text.length < 65_536) {
      this.#pieces.set(job, text);
      return;
    }
    this.#pieces.delete(job);
    this.#out.line(`${this.#out.paint("cyan", job)}| ${text}`);
  }

  end(): void {
    for (const [job, text] of this.#pieces) {
      if (this.#named) this.#out.line(`${this.#out.paint("cyan", job)}| ${text}`);
      else this.#out.line();
    }
    this.#pieces.clear();
  }
}

/** As a number while that is exact. */
function exact(sequence: string | undefined): number | string {
  const number = Number(sequence ?? 0);
  return Number.isSafeInteger(number) ? number : (sequence ?? 0);
}
