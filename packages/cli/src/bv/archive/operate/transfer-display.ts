import { percentOf } from "../../../daemon/job-view.ts";
import { bytesText } from "../../../output/bytes.ts";
import { durationText } from "../../../output/duration.ts";
import type { Output } from "../../../output/output.ts";
import { type BarState, ProgressBar } from "../../../output/progress-bar.ts";
import { printable } from "../../../output/table.ts";
import type { ToolEvent } from "./tool-event.ts";

type Progress = Extract<ToolEvent, { event: "progress" }>;

/** Without a terminal, how often a line says how far it is. */
const plainEveryMs = 10_000;

/** What the archive tool says while it works: a bar on a terminal with its log above, elsewhere a line now and then. */
export class TransferDisplay {
  readonly #out: Output;
  readonly #bar: ProgressBar;
  readonly #moving: boolean;
  #plainAt = performance.now();

  constructor(out: Output) {
    this.#out = out;
    this.#bar = new ProgressBar(process.stderr, out.errorPaint);
    this.#moving = out.format === "text" && process.stderr.isTTY;
  }

  show(event: ToolEvent): void {
    if (event.event === "log") this.#above(printable(event.line), 1);
    else if (event.event === "damage") this.#above(`damaged chunk ${event.chunk}: ${printable(event.reason)}`, 0);
    else if (event.event === "progress" && this.#moving) this.#bar.draw(barOf(event));
    else if (event.event === "progress" && performance.now() - this.#plainAt >= plainEveryMs) {
      this.#plainAt = performance.now();
      this.#above(plainOf(event), 0);
    }
  }

  /** `level`: how much has to be wanted for it to be said. */
  #above(text: string, level: number): void {
    if (this.#out.format === "json" || this.#out.verbosity < level) return;
    this.#bar.clear();
    this.#out.complain(text);
  }

  end(): void {
    this.#bar.clear();
  }
}

function barOf(progress: Progress): BarState {
  return { fraction: fractionOf(progress), text: printable(partsOf(progress).join("  ")) };
}

function plainOf(progress: Progress): string {
  const fraction = fractionOf(progress);
  return printable(
    [...(fraction === undefined ? [] : [`${(fraction * 100).toFixed(2)}%`]), ...partsOf(progress)].join(", "),
  );
}

function partsOf({
  total,
  current,
  message,
  bytes_done,
  bytes_total,
  bytes_per_sec = 0,
  eta_secs,
}: Progress): string[] {
  return [
    `${total === undefined ? current : `${current}/${total}`} ${message}`.trimEnd(),
    ...(bytes_total ? [`${bytesText(bytes_done ?? 0)} of ${bytesText(bytes_total)}`] : []),
    ...(bytes_per_sec > 0 ? [`${bytesText(bytes_per_sec)}/s`] : []),
    ...(eta_secs === undefined ? [] : [`ETA ${durationText(Math.ceil(eta_secs))}`]),
  ];
}

function fractionOf({ total, current, bytes_done, bytes_total }: Progress): number | undefined {
  if (bytes_total) return percentOf(bytes_done ?? 0, bytes_total) / 100;
  return total ? percentOf(current, total) / 100 : undefined;
}
