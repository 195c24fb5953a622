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

/** Times in milliseconds. */
export interface Comparison {
  readonly name: string;
  readonly baseline: string;
  /** Medians. */
  readonly ours_ms: number;
  readonly baseline_ms: number;
  readonly ratio: number;
  /** The least of all rounds: what a machine that others use, too, tells most reliably. */
  readonly ours_best_ms: number;
  readonly baseline_best_ms: number;
  /** Least processor time of programs that were started, and ended, by a round; 0 if there was none. */
  readonly ours_cpu_ms: number;
  readonly baseline_cpu_ms: number;
  readonly rounds: number;
}

/** Alternates the two for `rounds` rounds after one that does not count, and compares the medians. */
export async function compare(ours: Contender, baseline: Contender, rounds: number): Promise<Comparison> {
  const [comparison] = await compareAll(ours, [baseline], rounds);
  return comparison!;
}

/** All of them take turns in every round, so that all of them meet whatever else the machine does. */
export async function compareAll(
  ours: Contender,
  baselines: readonly Contender[],
  rounds: number,
): Promise<readonly Comparison[]> {
  const turns = [ours, ...baselines].map((contender) => ({ contender, wall: [] as number[], cpu: [] as number[] }));
  for (let round = -1; round < rounds; round += 1) {
    for (const { contender, wall, cpu } of turns) {
      await contender.before?.();
      const started = performance.now();
      const cpuBefore = childrenSeconds();
      await contender.run();
      const elapsed = performance.now() - started;
      const cpuTaken = childrenSeconds() - cpuBefore;
      await contender.after?.();
      if (round < 0) continue;
      wall.push(elapsed);
      cpu.push(cpuTaken * 1000);
    }
  }
  const [own, ...others] = turns.map(({ contender, wall, cpu }) => ({
    name: contender.name,
    median: median(wall),
    best: Math.min(...wall),
    cpu: Math.min(...cpu),
  }));
  return others.map((other) => ({
    name: own!.name,
    baseline: other.name,
    ours_ms: own!.median,
    baseline_ms: other.median,
    ratio: own!.median / other.median,
    ours_best_ms: own!.best,
    baseline_best_ms: other.best,
    ours_cpu_ms: own!.cpu,
    baseline_cpu_ms: other.cpu,
    rounds,
  }));
}

/** A table on the terminal, and one JSON line for machines. */
export function report(title: string, comparisons: readonly Comparison[]): void {
  console.log(`\n${title}`);
  const ratio = (ours: number, other: number): string =>
    ours > 0 && other > 0 ? `× ${(ours / other).toFixed(2)}` : "";
  const rows = comparisons.map((each) => [
    each.name,
    `${each.ours_ms.toFixed(1)} ms`,
    each.baseline,
    `${each.baseline_ms.toFixed(1)} ms`,
    ratio(each.ours_ms, each.baseline_ms),
    ratio(each.ours_best_ms, each.baseline_best_ms),
    ratio(each.ours_cpu_ms, each.baseline_cpu_ms),
  ]);
  printTable(["What", "Ours", "Baseline", "Takes", "Ratio", "Of best", "Of processor time"], rows);
  console.log(JSON.stringify({ bench: title, comparisons }));
}

/** What something took: seconds, and those of all processors together. */
export interface Cost {
  readonly name: string;
  readonly seconds: number;
  readonly cpu_seconds: number;
  readonly note?: string;
}

/** @param run ends the programs that it starts */
export async function measured(name: string, run: () => unknown): Promise<Cost> {
  const [started, cpu] = [performance.now(), childrenSeconds()];
  await run();
  return { name, seconds: (performance.now() - started) / 1000, cpu_seconds: childrenSeconds() - cpu };
}

export function reportCosts(title: string, costs: readonly Cost[]): void {
  console.log(`\n${title}`);
  const rows = costs.map(({ name, seconds, cpu_seconds, note = "" }) => [
    name,
    `${seconds.toFixed(1)} s`,
    `${cpu_seconds.toFixed(1)} s`,
    note,
  ]);
  printTable(["What", "Takes", "Processor time", "At most"], rows);
  console.log(JSON.stringify({ bench: title, costs }));
}

function printTable(head: readonly string[], rows: readonly (readonly string[])[]): void {
  const table = [head, ...rows];
  const widths = head.map((_, column) => Math.max(...table.map((row) => row[column]?.length ?? 0)));
  for (const row of table) {
    const cells = row.map((cell, column) => cell.padEnd(widths[column] ?? 0));
    console.log(`  ${cells.join("  ").trimEnd()}`);
  }
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
