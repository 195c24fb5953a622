import type { StubTarget } from "../inspect/stub-target.ts";
import type { Plugin, PluginFiles } from "../plugin.ts";
import { PluginError } from "../plugin-error.ts";
import { remembering, type TemplateSource } from "../templates/source.ts";
import { MAIN_FILE } from "../worker/script.ts";
import { withinTime } from "../worker/time-limit.ts";
import { PluginWorkers } from "../worker/workers.ts";
import { builtInTests, runBuiltIn } from "./built-in-tests.ts";
import type { Coverage } from "./coverage.ts";
import { JOB_SNAPSHOT, jobSnapshotTest } from "./job-snapshot.ts";
import type { Recordings } from "./program-host.ts";
import type { RealShell } from "./real-shell.ts";
import { runRecorded } from "./recorded-test.ts";
import { runTest, type TestFailure } from "./run-test.ts";
import { SnapshotBook } from "./snapshots.ts";
import { type TestFile, testFiles } from "./test-file.ts";

const VARIANTS_TIMEOUT_MS = 5_000;

/** One runs the test, the other the plugin that it drives. */
export const TEST_WORKERS = { size: 2, patienceMs: 0 } as const;

export interface TestRequest {
  /** Of the plugin. */
  readonly files: PluginFiles;
  /** Every Rhai file in the folder of tests, by its path there. */
  readonly tests: PluginFiles;
  readonly targets: readonly StubTarget[];
  /** Which tests are run, by `file: name`; default: all. */
  readonly chosen?: (name: string) => boolean;
  /** Also what every plugin has to stand. Their file is `main.rhai`. */
  readonly builtIn?: boolean;
  /** Default: none, and files that are rendered have no text but that of templates which a test wrote. */
  readonly templates?: TemplateSource;
  /** Test file → its snapshots, changed in place where `update` says so. */
  readonly snapshots: Map<string, Map<string, unknown>>;
  readonly update?: boolean;
  /** Hears what of the plugin the tests run; what is checked without tests does not count. */
  readonly coverage?: Coverage;
  /** What live nodes answered, by name: a test replays what it names, and the variant's is replayed without a test. */
  readonly recordings?: Recordings;
  /** For tests that have commands of the plugin run; default: none are. */
  readonly realShell?: () => Promise<RealShell>;
  readonly onResult?: (result: TestResult) => void;
  readonly signal?: AbortSignal;
  /** Processes to use; default: some of its own, ended before it returns. */
  readonly workers?: PluginWorkers;
}

export interface TestResult {
  readonly file: string;
  /** Empty where the file itself cannot be run. */
  readonly fn: string;
  readonly line: number;
  readonly variant: string;
  readonly ms: number;
  readonly failure?: TestFailure;
}

/** Runs every test for every variant, one after the other. Rejects with `PluginError` for a plugin that does not compile. */
export async function runTests(request: TestRequest): Promise<readonly TestResult[]> {
  const workers = request.workers ?? new PluginWorkers(TEST_WORKERS);
  try {
    const plugin = await workers.load(request.files);
    const results: TestResult[] = [];
    const run = {
      ...request,
      workers,
      plugin,
      ...(request.templates && { templates: remembering(request.templates) }),
    };
    const add = async (each: AsyncGenerator<TestResult>): Promise<void> => {
      for await (const result of each) {
        request.signal?.throwIfAborted();
        results.push(result);
        request.onResult?.(result);
      }
    };
    if (request.builtIn === true) await add(builtInResults(run));
    for (const file of testFiles(request.tests)) await add(resultsOf(file, run));
    return results;
  } finally {
    if (!request.workers) await workers.close();
  }
}

interface Run extends TestRequest {
  readonly workers: PluginWorkers;
  readonly plugin: Plugin;
}

const subjectOf = (
  { workers, plugin, files, coverage, templates, recordings, realShell }: Run,
  target: Run["targets"][number],
) => ({
  workers,
  plugin,
  pluginFiles: files,
  target,
  coverage,
  templates,
  recordings,
  realShell,
});

async function* builtInResults(run: Run): AsyncGenerator<TestResult> {
  for (const target of run.targets) {
    for (const [fn, check] of checksOf(run, target)) {
      run.signal?.throwIfAborted();
      if (run.chosen?.(`${MAIN_FILE}: ${fn}`) === false) continue;
      const started = performance.now();
      const failure = await check();
      const ms = performance.now() - started;
      yield { file: MAIN_FILE, fn, line: 1, variant: target.image.variant, ms, ...(failure && { failure }) };
    }
  }
}

type Check = () => Promise<TestFailure | undefined>;

/** What makes sense for the plugin, and what somebody recorded or kept of it. */
function checksOf(run: Run, target: Run["targets"][number]): readonly (readonly [name: string, check: Check])[] {
  const { plugin, recordings = {}, snapshots, update = false } = run;
  const { variant } = target.image;
  const subject = subjectOf(run, target);
  const recording = Object.hasOwn(recordings, variant) ? recordings[variant] : undefined;
  const book = new SnapshotBook(snapshotsOf(snapshots, MAIN_FILE), update, `(${variant}): `);
  const inits = plugin.capabilities.includes("init");
  const tests = [...builtInTests(plugin), ...(inits && book.isAbout(JOB_SNAPSHOT) ? [jobSnapshotTest(book)] : [])];
  return [
    ...tests.map((test) => [test.name, () => runBuiltIn(subject, test)] as const),
    ...(recording ? [["functions as recorded", () => runRecorded(subject, recording)] as const] : []),
  ];
}

async function* resultsOf(file: TestFile, run: Run): AsyncGenerator<TestResult> {
  const variants = await variantsOf(file, run.workers);
  const tests = file.tests.filter(({ fn }) => run.chosen?.(`${file.name}: ${fn}`) !== false);
  for (const target of run.targets) {
    const { variant } = target.image;
    if ("message" in variants) {
      yield { file: file.name, fn: "", line: 1, variant, ms: 0, failure: variants };
      continue;
    }
    if (variants.size > 0 && !variants.has(variant)) continue;
    const subject = { ...subjectOf(run, target), signal: run.signal };
    const book = snapshotsOf(run.snapshots, file.name);
    for (const { fn, line } of tests) {
      run.signal?.throwIfAborted();
      const started = performance.now();
      const snapshots = new SnapshotBook(book, run.update ?? false, `${fn} (${variant}): `);
      const failure = await runTest(subject, file, fn, snapshots);
      const ms = performance.now() - started;
      yield { file: file.name, fn, line, variant, ms, ...(failure && { failure }) };
    }
  }
}

/** The variants that a file is for; none: all. Or why that cannot be told. */
async function variantsOf(file: TestFile, workers: PluginWorkers): Promise<ReadonlySet<string> | TestFailure> {
  if (file.syntax.length > 0) {
    const diagnostics = file.syntax.map((one) => ({ ...one, file: `tests/${one.file}` }));
    return { message: "the file does not compile", diagnostics };
  }
  if (!file.hasVariants) return new Set();
  try {
    const json = await withinTime("variants", { timeoutMs: VARIANTS_TIMEOUT_MS }, ({ deadline, signal }) =>
      workers.run<"test">({
        digest: file.digest,
        files: file.files,
        work: { kind: "test", file: file.name, fn: "variants" },
        deadline,
        signal,
        engine: () => Promise.reject(new Error("variants() says for which variants the file is, and does nothing")),
      }),
    );
    const keys: unknown = JSON.parse(json);
    if (Array.isArray(keys) && keys.every((key) => typeof key === "string")) return new Set<string>(keys);
    return { message: "variants() has to give an array of texts", diagnostics: [] };
  } catch (error) {
    if (!(error instanceof PluginError)) throw error;
    return {
      message: error.message,
      diagnostics: error.diagnostics.map((one) => ({ ...one, file: `tests/${one.file}` })),
    };
  }
}

function snapshotsOf(all: Map<string, Map<string, unknown>>, file: string): Map<string, unknown> {
  const known = all.get(file) ?? new Map<string, unknown>();
  all.set(file, known);
  return known;
}
