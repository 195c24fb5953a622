import type { PluginConfig } from "../config/model.ts";
import { DOWNLOAD_JOB, UPLOAD_JOB } from "../config/plan.ts";
import type { HttpResponse } from "../engine/port.ts";
import { POLLED_NAMES } from "../platform-functions.ts";
import type { Plugin } from "../plugin.ts";
import { PluginError, type PluginErrorCode } from "../plugin-error.ts";
import type { Outcome } from "./answers.ts";
import { HostFailure } from "./host-failure.ts";
import type { TestFailure, TestSubject } from "./run-test.ts";
import { TestHost } from "./test-host.ts";

/** What every plugin has to stand, without a test of its own (spec plugin-api.md §9.2). */
export interface BuiltInTest {
  readonly name: string;
  /** Throws for what is wrong. */
  readonly run: (plugin: Plugin, host: TestHost) => Promise<void>;
}

/** The result has to be a word of the host's, whatever a function was told; a script may throw, but not run without end. */
const NOT_CLEAN: ReadonlySet<PluginErrorCode> = new Set([
  "PLUGIN_RESULT",
  "PLUGIN_LIMIT",
  "PLUGIN_TIMEOUT",
  "PLUGIN_CRASH",
]);

const CALL = { timeoutMs: 5_000 };

const BROKEN_ANSWERS: Readonly<Record<string, Outcome<HttpResponse>>> = {
  "connection refused": { kind: "fail", message: "connection refused" },
  "status 500": { kind: "answer", answer: { statusCode: 500, body: "internal error" } },
  "an empty body": { kind: "answer", answer: { statusCode: 200, body: "" } },
  "a malformed body": { kind: "answer", answer: { statusCode: 200, body: '{"result":' } },
  "another body": { kind: "answer", answer: { statusCode: 200, body: "[]" } },
};

/** The checks that make sense for a plugin. */
export function builtInTests(plugin: Plugin): readonly BuiltInTest[] {
  const starts = plugin.capabilities.includes("init") ? initTests() : [];
  const uploads = plugin.capabilities.includes("upload") && plugin.capabilities.includes("init") ? uploadTests() : [];
  return [
    ...(plugin.hasConfig
      ? [
          {
            name: "plugin_config",
            run: async (own: Plugin, host: TestHost) => void (await own.evaluateConfig(host, CALL)),
          },
        ]
      : []),
    ...starts,
    ...uploads,
    { name: "functions when nothing answers well", run: callAll },
    ...(plugin.hasConfig ? [{ name: "scheduled functions", run: callScheduled }] : []),
  ];
}

/** Runs one on a host of its own, where everything that is asked succeeds. Undefined: it passed. */
export async function runBuiltIn(subject: TestSubject, { run }: BuiltInTest): Promise<TestFailure | undefined> {
  try {
    await run(subject.plugin, obligingHost(subject));
    return undefined;
  } catch (error) {
    if (error instanceof PluginError) return { message: error.message, diagnostics: error.diagnostics };
    if (error instanceof HostFailure) return { message: error.message, diagnostics: [] };
    throw error;
  }
}

function obligingHost({ target, templates }: TestSubject): TestHost {
  const host = new TestHost(target, undefined, templates);
  host.oblige();
  return host;
}

function initTests(): readonly BuiltInTest[] {
  const init = (name: string, prepare: (host: TestHost) => void): BuiltInTest => ({
    name,
    run: async (plugin, host) => {
      prepare(host);
      await start(plugin, host);
    },
  });
  return [
    init("init with an archive", () => {}),
    init("init without an archive", (host) => {
      host.archive = false;
    }),
    init("init where data are already, as after an upgrade", (host) => {
      host.dataStamp = new Date(host.clock.now);
    }),
    init("init of a dev node", (host) => {
      host.env = { ...host.env, dev_mode: true };
    }),
    {
      name: "init again",
      run: async (plugin, host) => {
        await start(plugin, host);
        await start(plugin, host);
      },
    },
    {
      name: "init with a download that fails",
      run: async (plugin, host) => {
        await plugin.init(host, CALL);
        host.jobs.runToEnd((name) => (name === DOWNLOAD_JOB ? 1 : 0));
      },
    },
  ];
}

function uploadTests(): readonly BuiltInTest[] {
  const upload = (name: string, exitCode: number): BuiltInTest => ({
    name,
    run: async (plugin, host) => {
      await start(plugin, host);
      if (!(await uploads(plugin, host))) return;
      host.jobs.runToEnd((job) => (job === UPLOAD_JOB ? exitCode : 0));
      requireServices(host);
    },
  });
  return [upload("upload", 0), upload("upload that fails", 1)];
}

export async function start(plugin: Plugin, host: TestHost): Promise<void> {
  await plugin.init(host, CALL);
  host.jobs.runToEnd();
  requireServices(host);
}

/** False: the config says that there is nothing to upload. */
export async function uploads(plugin: Plugin, host: TestHost): Promise<boolean> {
  try {
    await plugin.upload(host, CALL);
    return true;
  } catch (error) {
    if (error instanceof PluginError && error.code === "PLUGIN_CONFIG") return false;
    throw error;
  }
}

/** A script with its own `init` may leave services alone; those that have a job have to run. */
function requireServices({ config, jobs }: TestHost): void {
  for (const { name } of servicesOf(config)) {
    if (!jobs.has(name)) continue;
    const { status } = jobs.info(name);
    if (status !== "running")
      throw new HostFailure(`service '${name}' does not run in the end: ${jobs.stateText(name)}`);
  }
}

function servicesOf(config: PluginConfig | undefined) {
  return config === undefined ? [] : [...(config.aux_services ?? []), ...config.services];
}

async function callAll(plugin: Plugin, host: TestHost): Promise<void> {
  const names = POLLED_NAMES.filter((name) => plugin.capabilities.includes(name));
  for (const [what, outcome] of Object.entries(BROKEN_ANSWERS)) {
    host.jrpc.add({ applies: () => true, outcomes: [outcome] });
    host.rest.add({ applies: () => true, outcomes: [outcome] });
    const { failures } = await plugin.pollAll(names, host, CALL);
    for (const [name, failure] of failures) requireClean(name, what, failure);
    if (!plugin.capabilities.includes("protocol_status")) continue;
    await plugin.protocolStatus(host, CALL).catch((error: unknown) => requireClean("protocol_status", what, error));
  }
}

function requireClean(name: string, what: string, error: unknown): void {
  if (!(error instanceof PluginError)) throw error;
  if (!NOT_CLEAN.has(error.code)) return;
  const { code, diagnostics } = error;
  throw new PluginError(code, `${name}() with ${what}: ${error.message}`, { diagnostics });
}

async function callScheduled(plugin: Plugin, host: TestHost): Promise<void> {
  const config = await plugin.evaluateConfig(host, CALL);
  for (const { name, function: fn, param } of config.scheduled ?? []) {
    // What they do is the default algorithms', which have checks of their own.
    if (fn === "init" || fn === "upload") continue;
    try {
      await plugin.call(fn, param ?? "", host, CALL);
    } catch (error) {
      if (!(error instanceof PluginError)) throw error;
      if (error.code !== "PLUGIN_METHOD" && !NOT_CLEAN.has(error.code)) continue;
      throw new PluginError(error.code, `task '${name}': ${error.message}`, { diagnostics: error.diagnostics });
    }
  }
}
