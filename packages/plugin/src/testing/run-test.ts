import type { Diagnostic } from "@blockvisor/image";
import { Engine } from "@blockvisor/rhai";
import type { StubTarget } from "../inspect/stub-target.ts";
import { locateInConfig } from "../lint/locate.ts";
import type { Plugin, PluginFiles } from "../plugin.ts";
import { PluginError } from "../plugin-error.ts";
import type { TemplateSource } from "../templates/source.ts";
import { withinTime } from "../worker/time-limit.ts";
import type { PluginWorkers } from "../worker/workers.ts";
import { assertCommands, jobCommands, serveCommands } from "./commands.ts";
import type { Coverage } from "./coverage.ts";
import { pluginCommands } from "./drive-plugin.ts";
import { hostCommands, type Recordings } from "./program-host.ts";
import type { RealShell } from "./real-shell.ts";
import type { SnapshotBook } from "./snapshots.ts";
import type { TestFile } from "./test-file.ts";
import { TestHost, type Violation } from "./test-host.ts";

/** Time of the machine, not of the test: one that computes without end is stopped. */
const TEST_TIMEOUT_MS = 30_000;

export interface TestSubject {
  readonly workers: PluginWorkers;
  readonly plugin: Plugin;
  readonly pluginFiles: PluginFiles;
  readonly target: StubTarget;
  readonly coverage?: Coverage | undefined;
  readonly templates?: TemplateSource | undefined;
  readonly recordings?: Recordings | undefined;
  readonly realShell?: (() => Promise<RealShell>) | undefined;
  /** Fires = the test is given up. */
  readonly signal?: AbortSignal | undefined;
}

/** Why a test failed. */
export interface TestFailure {
  readonly message: string;
  /** Where the plugin was, then where the test was. Files of tests begin with `tests/`. */
  readonly diagnostics: readonly Diagnostic[];
}

/** Runs `setup()` and one test with a host of its own. Undefined: it passed. */
export async function runTest(
  subject: TestSubject,
  file: TestFile,
  fn: string,
  snapshots: SnapshotBook,
): Promise<TestFailure | undefined> {
  const host = new TestHost(subject.target, subject.coverage, subject.templates);
  await using opened = new AsyncDisposableStack();
  const { realShell: shell } = subject;
  let pluginFailure: PluginError | undefined;
  const commands = serveCommands({
    ...hostCommands(host, subject.recordings, shell && (async () => opened.adopt(await shell(), (one) => one.close()))),
    ...jobCommands(host),
    ...assertCommands(host, snapshots),
    ...pluginCommands(subject.plugin, host, (error) => {
      pluginFailure = error;
    }),
  });
  try {
    const { signal: givenUp } = subject;
    await withinTime(
      fn,
      { timeoutMs: TEST_TIMEOUT_MS, ...(givenUp && { signal: givenUp }) },
      async ({ deadline, signal }) => {
        for (const each of [...(file.hasSetup ? ["setup"] : []), fn]) {
          const work = { kind: "test", file: file.name, fn: each } as const;
          const { digest, files } = file;
          await subject.workers.run<"test">({ digest, files, work, deadline, signal, engine: commands });
          if (host.violation) break;
        }
      },
    );
  } catch (error) {
    if (!(error instanceof PluginError)) throw error;
    return failureOf(error, pluginFailure, host, subject.pluginFiles);
  } finally {
    host.end();
  }
  // The test caught what the plugin was told: it is a failure all the same.
  return host.violation && violationFailure(host.violation, pluginFailure, host, subject.pluginFiles);
}

function failureOf(
  error: PluginError,
  pluginFailure: PluginError | undefined,
  host: TestHost,
  pluginFiles: PluginFiles,
): TestFailure {
  const inTest = error.diagnostics.map(inTests);
  if (host.violation) {
    const found = violationFailure(host.violation, pluginFailure, host, pluginFiles);
    return { ...found, diagnostics: [...found.diagnostics, ...inTest] };
  }
  const message = inTest[0]?.message ?? error.message;
  // What the test did not catch is what the plugin said last.
  const caused = pluginFailure !== undefined && message.includes(pluginFailure.message);
  return { message, diagnostics: [...(caused ? (pluginFailure?.diagnostics ?? []) : []), ...inTest] };
}

/** Where the plugin asked for what nobody said anything about. */
export function violationFailure(
  { error, help, command }: Violation,
  pluginFailure: PluginError | undefined,
  host: TestHost,
  pluginFiles: PluginFiles,
): TestFailure {
  const places = pluginFailure?.diagnostics ?? [];
  const known = places.length > 0 ? places : inConfig(error, command, host, pluginFiles);
  return { message: error.message, diagnostics: known.map((place) => ({ ...place, code: "NIB530", help })) };
}

/** A default algorithm has no line; what it was to run is written in `plugin_config()`. */
function inConfig(
  error: PluginError,
  command: string | undefined,
  { config }: TestHost,
  pluginFiles: PluginFiles,
): readonly Diagnostic[] {
  const file = "main.rhai";
  const plain = { code: "NIB530", severity: "error", message: error.message, file } as const;
  const text = pluginFiles[file];
  if (config === undefined || command === undefined || text === undefined) return [plain];
  for (const section of ["init", "pre_upload"] as const) {
    const commands = config[section]?.commands ?? [];
    const index = commands.findIndex((each) => (typeof each === "string" ? each : each.run) === command);
    if (index === -1) continue;
    const range = locateInConfig(new Engine().compile(text, { source: file }), `${section}.commands[${index}]`);
    return [{ ...plain, ...(range && { range }) }];
  }
  return [plain];
}

function inTests(diagnostic: Diagnostic): Diagnostic {
  return {
    ...diagnostic,
    code: "NIB531",
    message: diagnostic.message.replace(/^Runtime error: /, ""),
    file: `tests/${diagnostic.file ?? ""}`,
  };
}
