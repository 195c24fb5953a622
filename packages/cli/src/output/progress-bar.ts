import { displayWidth, type Paint } from "./paint.ts";

/** How far something is. */
export interface BarState {
  /** From 0 to 1; undefined while nobody knows. */
  readonly fraction: number | undefined;
  /** Behind the bar, as far as there is room. */
  readonly text: string;
}

const widest = 32;
const narrowest = 8;

/**
 * A bar in the last line of a terminal. Other output goes above it: `clear`, print, `draw`. Without a terminal nothing is drawn.
 */
export class ProgressBar {
  readonly #stream: NodeJS.WriteStream;
  readonly #paint: Paint;
  #shown = "";

  constructor(stream: NodeJS.WriteStream, paint: Paint) {
    this.#stream = stream;
    this.#paint = paint;
  }

  draw(state: BarState): void {
    if (!this.#stream.isTTY) return;
    this.#shown = barLine(state, this.#stream.columns || 80, this.#paint);
    this.#stream.write(`\r\u001b[2K${this.#shown}`);
  }

  clear(): void {
    if (this.#shown !== "") this.#stream.write("\r\u001b[2K");
    this.#shown = "";
  }
}

/** `████████░░░░░░░░ 52.31%  11/21 chunks  0.8/s  ETA 00:00:12`, no wider than the terminal. */
export function barLine({ fraction, text }: BarState, columns: number, paint: Paint): string {
  const percent = fraction === undefined ? "" : ` ${(fraction * 100).toFixed(2)}%`;
  const room = columns - 1 - displayWidth(percent) - 2;
  const width = Math.max(narrowest, Math.min(widest, room - displayWidth(text)));
  const filled = Math.round(width * (fraction ?? 0));
  const bar = paint("cyan", "█".repeat(filled)) + paint("dim", "░".repeat(width - filled));
  const shown = [...text].slice(0, Math.max(0, room - width)).join("");
  return `${bar}${percent}${shown === "" ? "" : `  ${shown}`}`;
}
