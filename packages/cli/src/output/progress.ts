import type { OutputStream, Paint } from "./paint.ts";

/** Something long that is going on. Exactly one of `done` and `failed` ends it. */
export interface Progress {
  update(detail: string): void;
  done(text?: string): void;
  failed(): void;
}

const frames = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
const frameMs = 100;

/** On a terminal one moving line with the time it takes, elsewhere one plain line at the start. */
export function showProgress(title: string, stream: OutputStream | undefined, paint: Paint): Progress {
  if (!stream) return { update() {}, done() {}, failed() {} };
  if (!stream.isTTY) {
    stream.write(`${title} …\n`);
    return { update() {}, done() {}, failed() {} };
  }
  const started = performance.now();
  let detail = "";
  let frame = 0;
  const draw = (mark: string, text: string) => {
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    const width = (stream.columns ?? 80) - mark.length - seconds.length - 4;
    stream.write(`\r\u001b[2K${mark} ${text.slice(0, Math.max(10, width))} ${paint("dim", `${seconds}s`)}`);
  };
  const tick = () => {
    frame = (frame + 1) % frames.length;
    draw(paint("cyan", frames[frame] ?? ""), detail ? `${title}: ${detail}` : title);
  };
  tick();
  const timer = setInterval(tick, frameMs);
  const end = (mark: string, text: string) => {
    clearInterval(timer);
    draw(mark, text);
    stream.write("\n");
  };
  return {
    update: (text) => {
      detail = text;
    },
    done: (text = title) => end(paint("green", "✓"), text),
    failed: () => end(paint("red", "✗"), title),
  };
}
