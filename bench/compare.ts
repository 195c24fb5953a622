/**
 * Figures of one run, as ratios to a baseline that is measured in the same run, one after the other, so that a slow or busy machine
 * slows both.
 */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";

export const repository = join(import.meta.dirname, "..");

export interface Contender {
  readonly name: string;
  /** Does the work once; what it returns is waited for, what takes time outside of the measurement belongs into `before`. */
  readonly run: () => unknown;
  readonly before?: () => unknown;
  readonly after?: () => unknown;
}

export interface Comparison {
  readonly name: string;
  readonly baseline: string;
  /** Medians in milliseconds. */
  readonly ours_ms: number;
  readonly baseline_ms: number;
  readonly ratio: number;
  readonly rounds: number;
}

/** Alternates the two for `rounds` rounds after one that does not count, and compares the medians. */
export async function compare(ours: Contender, baseline: Contender, rounds: number): Promise<Comparison> {
  const times: [number[], number[]] = [[], []];
  for (let round = -1; round < rounds; round += 1) {
    for (const [index, contender] of [ours, baseline].entries()) {
      await contender.before?.();
      const started = performance.now();
      await contender.run();
      const elapsed = performance.now() - started;
      await contender.after?.();
      if (round >= 0) times[index]?.push(elapsed);
    }
  }
  const [own, other] = [median(times[0]), median(times[1])];
  return { name: ours.name, baseline: baseline.name, ours_ms: own, baseline_ms: other, ratio: own / other, rounds };
}

/** A table on the terminal, and one JSON line for machines. */
export function report(title: string, comparisons: readonly Comparison[]): void {
  console.log(`\n${title}`);
  const rows = comparisons.map(({ name, baseline, ours_ms, baseline_ms, ratio }) => [
    name,
    `${ours_ms.toFixed(1)} ms`,
    baseline,
    `${baseline_ms.toFixed(1)} ms`,
    `× ${ratio.toFixed(2)}`,
  ]);
  const table = [["What", "Ours", "Baseline", "Takes", "Ratio"], ...rows];
  const widths = table[0]?.map((_, column) => Math.max(...table.map((row) => row[column]?.length ?? 0))) ?? [];
  for (const row of table)
    console.log(
      `  ${row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd()}`,
    );
  console.log(JSON.stringify({ bench: title, comparisons }));
}

/** Runs a program to its end; throws with what it printed when it fails. */
export function program(file: string, args: readonly string[], env: NodeJS.ProcessEnv = process.env): string {
  const { status, stdout, stderr, error } = spawnSync(file, args, { encoding: "utf8", env, maxBuffer: 1e8 });
  if (status !== 0)
    throw new Error(`${file} ${args.join(" ")}: ${error?.message ?? `status ${status}\n${stdout}${stderr}`}`);
  return stdout;
}

/** User and system time of all processes that this one started and that have ended, to 10 ms. */
export function childrenSeconds(): number {
  const [user, system] = readFileSync("/proc/self/stat", "utf8").split(") ")[1]!.split(" ").slice(13, 15);
  return (Number(user) + Number(system)) / 100;
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
