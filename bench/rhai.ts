import { readdirSync, readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { Engine, parse, toJs } from "../packages/rhai/src/index.ts";

/**
 * `./dev bench rhai`: every program of packages/rhai/conformance/bench against its JavaScript twin, both measured in
 * turns in this process; plus parse and compile speed. Prints a table, and the figures as one line of JSON at the end.
 */

const folder = new URL("../packages/rhai/conformance/bench/", import.meta.url);
const ROUNDS = 15;
const WARM_UP_MS = 400;
const ROUND_MS = 20;

interface Baseline {
  readonly ratio_native_to_javascript: Readonly<Record<string, number>>;
  readonly results: Readonly<Record<string, unknown>>;
}

/** Milliseconds of processor time: other processes on the machine do not count. */
function cpuTime(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

const median = (times: readonly number[]): number => [...times].sort((a, b) => a - b)[times.length >> 1]!;

function timed(run: () => unknown): number {
  const start = cpuTime();
  run();
  return cpuTime() - start;
}

/** Repeats short runs so that one measurement is long enough for collections of garbage to even out. */
function repeated(run: () => unknown): { readonly run: () => void; readonly times: number } {
  const start = cpuTime();
  let count = 0;
  for (; cpuTime() - start < WARM_UP_MS; count++) run();
  const times = Math.max(1, Math.ceil((ROUND_MS * count) / (cpuTime() - start)));
  return {
    times,
    run: () => {
      for (let i = 0; i < times; i++) run();
    },
  };
}

async function measure(name: string, expected: unknown): Promise<{ ours: number; javascript: number }> {
  const engine = new Engine();
  const ast = engine.compile(readFileSync(new URL(`${name}.rhai`, folder), "utf8"));
  const twin = ((await import(new URL(`${name}.js`, folder).href)) as { default: () => unknown }).default;
  const got = JSON.stringify(toJs(engine.eval(ast)));
  if (got !== JSON.stringify(expected)) throw new Error(`${name}: expected ${JSON.stringify(expected)}, got ${got}`);
  const ours = repeated(() => engine.eval(ast));
  const theirs = repeated(twin);
  const ourTimes: number[] = [];
  const theirTimes: number[] = [];
  for (let i = 0; i < ROUNDS; i++) {
    ourTimes.push(timed(ours.run) / ours.times);
    theirTimes.push(timed(theirs.run) / theirs.times);
  }
  return { ours: median(ourTimes), javascript: median(theirTimes) };
}

/** A typical plugin: functions with maps, strings and conditions, about 150 lines. */
function pluginText(copies: number): string {
  const text = readFileSync(new URL("config.rhai", folder), "utf8").replace(/\nn\s*$/, "\nn;\n");
  return Array.from({ length: copies }, (_, i) =>
    text.replace(/\b(aux|service|plugin_config)\(/g, (_all, word: string) => `${word}_${i}(`),
  ).join("");
}

function parseSpeed(): { megabytesPerSecond: number; compilePluginMs: number } {
  const text = pluginText(400);
  const big = repeated(() => parse(text));
  const times = Array.from({ length: ROUNDS }, () => timed(big.run) / big.times);
  const plugin = pluginText(5);
  const engine = new Engine();
  const small = repeated(() => engine.compile(plugin));
  const compileTimes = Array.from({ length: ROUNDS }, () => timed(small.run) / small.times);
  return { megabytesPerSecond: Buffer.byteLength(text) / 1000 / median(times), compilePluginMs: median(compileTimes) };
}

async function main(): Promise<void> {
  const baseline = JSON.parse(readFileSync(new URL("baseline.json", folder), "utf8")) as Baseline;
  const names = readdirSync(folder)
    .filter((file) => file.endsWith(".rhai"))
    .map((file) => file.slice(0, -5));
  const ratios: Record<string, number> = {};
  console.log("program     ours ms    js ms    ratio   native");
  for (const name of names) {
    const { ours, javascript } = await measure(name, baseline.results[name]);
    const ratio = ours / javascript;
    ratios[name] = ratio;
    const native = baseline.ratio_native_to_javascript[name]!;
    const row = [
      ours.toFixed(3).padStart(9),
      javascript.toFixed(3).padStart(9),
      ratio.toFixed(2).padStart(8),
      String(native).padStart(8),
    ];
    console.log(name.padEnd(10) + row.join("") + (ratio > native ? "  slower than native" : ""));
  }
  const geometricMean = Math.exp(Object.values(ratios).reduce((sum, ratio) => sum + Math.log(ratio), 0) / names.length);
  const speed = parseSpeed();
  console.log(`geometric mean ${geometricMean.toFixed(2)} (bar: 4.5)`);
  console.log(
    `parse ${speed.megabytesPerSecond.toFixed(1)} MB/s (bar: 15), compile a plugin ${speed.compilePluginMs.toFixed(3)} ms (bar: 2)`,
  );
  const bars = {
    geometricMean: geometricMean <= 4.5,
    noneSlowerThanNative: names.every((name) => ratios[name]! <= baseline.ratio_native_to_javascript[name]!),
    parse: speed.megabytesPerSecond >= 15,
    compile: speed.compilePluginMs < 2,
  };
  console.log(JSON.stringify({ bench: "rhai", ratios, geometricMean, ...speed, bars }));
  if (Object.values(bars).includes(false)) process.exitCode = 1;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) await main();
