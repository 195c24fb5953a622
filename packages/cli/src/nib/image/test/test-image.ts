import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { type Diagnostic, diagnosticJson } from "@blockvisor/image";
import { PluginError, PluginWorkers } from "@blockvisor/plugin";
import { Coverage, type FileCoverage, runTests, TEST_WORKERS, type TestResult } from "@blockvisor/plugin/testing";
import type { Call } from "../../../command/verb.ts";
import { failureCode, failureExit } from "../../../failure/codes.ts";
import { Failure } from "../../../failure/failure.ts";
import { renderFailure } from "../../../failure/render.ts";
import type { Output } from "../../../output/output.ts";
import type { Column } from "../../../output/table.ts";
import { diagnosticData, diagnosticText } from "../../metadata/diagnostics.ts";
import { givenSecrets } from "../../metadata/given-secrets.ts";
import { chooseProperties, chooseVariant, readImage } from "../../metadata/read-image.ts";
import { templatesInDirectories } from "../../plugin-files/templates-in-directory.ts";
import { Changes } from "./changes.ts";
import { firstOf, type Include, openInclude } from "./includes.ts";
import {
  pluginDirectory,
  readRecordings,
  readSnapshots,
  readTestTree,
  type TestTree,
  writeSnapshots,
} from "./read-tests.ts";
import { openRealShell } from "./real-shell.ts";
import { type RecordedNode, recordNode } from "./record-node.ts";
import { junitReport, tapReport } from "./reports.ts";
import type { TestOptions } from "./verb.ts";

type TestCall = Call<TestOptions, [readonly string[]]>;

/** `nib image test` (spec plugin-api.md §9.2). */
export async function testImage(call: TestCall): Promise<void> {
  const { out, options, signal } = call;
  if (options.watch && (out.format === "json" || options.report !== "pretty"))
    throw new Failure("usage", "--watch is for people: leave out --format and --report");
  if (options.record === undefined && (options.function ?? options.as) !== undefined)
    throw new Failure("usage", "--function and --as say what --record does: name a node with it");
  await using opened = new AsyncDisposableStack();
  const includes: Include[] = [];
  for (const name of options.include ?? []) includes.push(await openInclude(out, name, signal, opened));
  const directory = pluginDirectory(options.path, options.pluginDir);
  const recorded =
    options.record === undefined
      ? undefined
      : await recordNode(call, options.record, readImage(options.path), directory);
  if (recorded && options.report === "pretty") {
    out.line(`Wrote ${recorded.path}: ${recorded.functions.join(", ") || "no function"}`);
    out.line();
  }
  // Whoever watches does not wait for processes after every change.
  const workers = options.watch ? new PluginWorkers(TEST_WORKERS) : undefined;
  opened.defer(async () => workers?.close());
  const subject = { directory, includes, recorded, workers };
  if (!options.watch) return runOnce(call, subject);
  const watched = [directory, dirname(options.path), ...includes.flatMap((include) => include.watched ?? [])];
  using changes = new Changes([...new Set(watched)], options.path, signal);
  for (;;) {
    const changed = changes.next();
    await runOnce(call, subject).catch((error: unknown) => {
      if (!(error instanceof Failure)) throw error;
      renderFailure(error, out);
    });
    out.line(out.paint("dim", "Waiting for a change; Ctrl-C ends"));
    await changed;
  }
}

/** What is tested, apart from what is read before every run. */
interface Subject {
  readonly directory: string;
  readonly includes: readonly Include[];
  readonly recorded: RecordedNode | undefined;
  /** Default: some of their own for each run. */
  readonly workers: PluginWorkers | undefined;
}

async function runOnce(
  { out, args, options, signal }: TestCall,
  { directory, includes, recorded, workers }: Subject,
): Promise<void> {
  const file = readImage(options.path);
  const secrets = givenSecrets(options.secret);
  const keys = options.variant ?? file.image.variants.map(({ key }) => key);
  const targets = keys.map((key) => {
    const variant = chooseVariant(file, key);
    const image = { version: variant.version, protocol: variant.protocolKey, variant: variant.variantKey };
    return { image, params: chooseProperties(out, variant, options), secrets };
  });
  const tree = readTestTree(directory, includes, args[0]);
  const snapshots = readSnapshots(directory);
  const pretty = options.report === "pretty";
  const { filter } = options;
  const coverage = options.coverage && new Coverage();
  const own = templatesInDirectories([...new Set([directory, dirname(options.path)])]);
  const request = {
    files: tree.plugin,
    tests: tree.tests,
    targets,
    builtIn: args[0].length === 0,
    templates: firstOf([own, ...includes.map(({ templates }) => templates)]),
    recordings: readRecordings(directory),
    snapshots,
    update: options.update ?? false,
    signal,
    ...(workers && { workers }),
    ...(options.shReal && { realShell: openRealShell }),
    ...(coverage && { coverage }),
    ...(filter && { chosen: (name: string) => filter.test(name) }),
    ...(pretty && { onResult: (result: TestResult) => showResult(out, tree, result, targets.length > 1) }),
  };
  const results = await evaluated(tree, () => runTests(request));
  if (results.length === 0) throw new Failure("usage", "no test has such a name", { hint: "choose another --filter" });
  const written = options.update
    ? writeSnapshots(directory, snapshots, (folder) => mkdirSync(folder, { recursive: true }))
    : [];
  if (options.report === "tap") out.raw(tapReport(results));
  if (options.report === "junit") out.raw(junitReport(results));
  const covered = coverage?.report(tree.plugin);
  if (pretty && covered) showCoverage(out, covered);
  report(out, tree, results, { written, pretty, covered, recorded });
}

async function evaluated<T>(tree: TestTree, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof PluginError) || error.code !== "PLUGIN_SYNTAX") throw error;
    const diagnostics = placed(tree, error.diagnostics);
    throw new Failure("plugin-unloadable", "the plugin does not compile", {
      excerpt: diagnosticText(diagnostics, sourcesOf(tree)),
      data: { diagnostics: diagnostics.map(diagnosticData) },
      hint: "`nib image check --lint-only` shows all that is wrong with it",
    });
  }
}

function showResult(out: Output, tree: TestTree, result: TestResult, several: boolean): void {
  const { failure, ms } = result;
  const name = `${nameOf(result)}${several ? ` (${result.variant})` : ""}`;
  const time = out.paint("dim", `${Math.round(ms)} ms`);
  if (failure === undefined) {
    out.line(`${out.paint("green", "pass")}  ${name}  ${time}`);
    return;
  }
  out.line(`${out.paint("red", "FAIL")}  ${name}  ${time}`);
  out.line();
  const text = diagnosticText(placed(tree, failure.diagnostics), sourcesOf(tree), out.paint("red", "") !== "");
  out.line((text === "" ? failure.message : text).replaceAll(/^(?=.)/gm, "    "));
  out.line();
}

const coverageColumns: readonly Column<FileCoverage>[] = [
  { title: "File", value: ({ file }) => file, colour: "cyan" },
  { title: "Lines", value: ({ lines }) => String(lines) },
  {
    title: "Run",
    value: ({ lines, missed }) => (lines === 0 ? "-" : `${Math.floor((1 - missed.length / lines) * 100)} %`),
  },
  { title: "Not run", value: ({ missed }) => rangesOf(missed) || "-" },
];

function showCoverage(out: Output, covered: readonly FileCoverage[]): void {
  out.line();
  out.table(coverageColumns, covered);
  out.line();
}

/** `1-3, 7`: lines in a row, as far as statements begin on them. */
function rangesOf(lines: readonly number[]): string {
  const ranges: [first: number, last: number][] = [];
  for (const line of lines) {
    const open = ranges.at(-1);
    if (open && line === open[1] + 1) open[1] = line;
    else ranges.push([line, line]);
  }
  return ranges.map(([first, last]) => (first === last ? String(first) : `${first}-${last}`)).join(", ");
}

/** What is told next to the results. */
interface Told {
  readonly written: readonly string[];
  readonly pretty: boolean;
  readonly covered: readonly FileCoverage[] | undefined;
  readonly recorded: RecordedNode | undefined;
}

function report(
  out: Output,
  tree: TestTree,
  results: readonly TestResult[],
  { written, pretty, covered, recorded }: Told,
): void {
  const failed = results.filter(({ failure }) => failure !== undefined).length;
  const passed = results.length - failed;
  if (pretty) {
    for (const path of written) out.line(`Wrote ${path}`);
    out.line(out.paint(failed === 0 ? "green" : "red", `${passed} passed, ${failed} failed`));
  }
  const data = {
    passed,
    failed,
    snapshots_written: written,
    ...(recorded && { recorded }),
    ...(covered && { coverage: covered }),
    tests: results.map(({ failure, fn, ms, ...result }) => ({
      ...result,
      name: fn,
      ms: Math.round(ms),
      status: failure ? "failed" : "passed",
      ...(failure && {
        message: failure.message,
        diagnostics: placed(tree, failure.diagnostics).map(diagnosticJson),
      }),
    })),
  };
  if (failed === 0) {
    out.document(data);
    return;
  }
  const message = `${failed} of ${results.length} tests failed`;
  const code = failureCode(out.program, "check-failed");
  out.document(data, { error: { code, message } });
  out.complain(`Error: ${message} (${code})`);
  process.exitCode = failureExit(out.program, "check-failed");
}

function nameOf({ file, fn }: TestResult): string {
  return fn === "" ? file : `${file}: ${fn}`;
}

function placed(tree: TestTree, diagnostics: readonly Diagnostic[]): readonly Diagnostic[] {
  return diagnostics.map((one) => ({
    ...one,
    ...(one.file !== undefined && { file: tree.place(one.file) }),
    ...(one.message.startsWith("Module not found") && {
      help: "--include names where more files are, such as the base image or a directory of its files; tests/stubs/ may stand for them",
    }),
  }));
}

function sourcesOf(tree: TestTree): Readonly<Record<string, string>> {
  const tests = Object.entries(tree.tests).map(([file, text]) => [tree.place(`tests/${file}`), text]);
  const plugin = Object.entries(tree.plugin).map(([file, text]) => [tree.place(file), text]);
  return Object.fromEntries([...tests, ...plugin]);
}
