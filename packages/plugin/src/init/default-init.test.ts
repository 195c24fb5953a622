import assert from "node:assert/strict";
import { test } from "node:test";
import { isDeepStrictEqual } from "node:util";
import type { PluginConfig } from "../config/model.ts";
import { readPluginConfig } from "../config/read.ts";
import { sampleNodeEnv } from "../engine/node-env.ts";
import type { EngineContext, PluginEngine } from "../engine/port.ts";
import { StubEngine } from "../engine/stub-engine.ts";
import { valueFromJson } from "../values/from-json.ts";
import { defaultInit } from "./default-init.ts";
import { defaultUpload, resumeServices } from "./default-upload.ts";
import { renewServices } from "./renew-services.ts";
import { noJournal, type StepJournal, type StepRecord } from "./step-journal.ts";
import type { InitStep } from "./steps.ts";

const ctx: EngineContext = { deadline: Number.POSITIVE_INFINITY, signal: new AbortController().signal };

function configOf(data: object): PluginConfig {
  const { config, errors } = readPluginConfig(valueFromJson(data));
  assert.deepEqual(errors, []);
  return config;
}

const FULL = configOf({
  config_files: [{ template: "/t", destination: "/d", params: {} }],
  aux_services: [{ name: "caddy", run_sh: "caddy run" }],
  init: {
    commands: ["mkdir /x"],
    jobs: [
      { name: "jwt", run_sh: "openssl rand" },
      { name: "chain", run_sh: "init", needs: ["jwt"], one_time: true },
    ],
  },
  alternative_download: { run_sh: "wget", run_as: "bob" },
  cold_init: { run_sh: "genesis", one_time: true },
  post_download: [
    {
      name: "unpack",
      run_sh: "tar",
      needs: ["jwt"],
      restart: { on_failure: { backoff_timeout_ms: 1, backoff_base_ms: 2 } },
    },
  ],
  services: [
    { name: "reth", run_sh: "reth", shutdown_timeout_secs: 120 },
    { name: "proxy", run_sh: "proxy", use_protocol_data: false },
  ],
  pre_upload: { commands: ["sync"], jobs: [{ name: "prune", run_sh: "prune" }] },
  upload: { exclude: ["*.log"], compression: "NONE" },
  post_upload: [{ name: "tidy", run_sh: "rm" }],
  scheduled: [{ name: "daily", schedule: "@daily", function: "clean", timezone: "UTC" }],
});

const caps = { max_connections: null, max_runners: null };

/** A host that tells what was asked of it, on top of one where everything succeeds. */
function recorder(overrides: Partial<PluginEngine> = {}) {
  const stub = new StubEngine({ env: sampleNodeEnv({ version: "1.0.0", protocol: "p", variant: "v" }), params: {} });
  const calls: string[] = [];
  const engine = new Proxy(stub, {
    get(target, name: Exclude<keyof PluginEngine, "now" | "covered"> | "jobs" | "tasks") {
      if (name === "jobs" || name === "tasks") return target[name];
      const member = (overrides[name] ?? target[name]) as (...args: unknown[]) => unknown;
      return (...args: unknown[]) => {
        if (/^(?:create|start|stop|render|runSh|addTask)/.test(name))
          calls.push([name, typeof args[0] === "string" ? args[0] : ""].join(" ").trim());
        return member.apply(target, args);
      };
    },
  });
  return { engine, calls };
}

const steps: InitStep[] = [];
const run = (engine: PluginEngine, journal: StepJournal = noJournal) => ({
  engine,
  ctx,
  journal,
  of: "this",
  onStep: (step: InitStep) => void steps.push(step),
});

async function initJobs(config: PluginConfig, overrides: Partial<PluginEngine>) {
  const { engine } = recorder(overrides);
  await defaultInit(config, run(engine));
  return Object.fromEntries(engine.jobs.map((job) => [job.name, job.config]));
}

test("config files are rendered with their mode, when they have one", async () => {
  const rendered: unknown[] = [];
  const renderTemplate: PluginEngine["renderTemplate"] = async (_template, destination, _params, mode) =>
    void rendered.push([destination, mode]);
  const file = (destination: string) => ({ template: "/t", destination, params: {} });
  const config = configOf({ config_files: [file("/open"), { ...file("/secret"), mode: 0o600 }], services: [] });
  await defaultInit(config, run(recorder({ renderTemplate }).engine));
  assert.deepEqual(rendered, [
    ["/open", undefined],
    ["/secret", 0o600],
  ]);
});

test("the whole order of default init, archive available", async () => {
  const { engine, calls } = recorder();
  await defaultInit(FULL, run(engine));
  const started = (name: string) => [`createJob ${name}`, `startJob ${name}`];
  assert.deepEqual(calls, [
    "stopAllJobs",
    "renderTemplate /t",
    ...started("caddy"),
    "runSh mkdir /x",
    ...["jwt", "chain", "download", "unpack", "reth", "proxy"].flatMap(started),
    "addTask daily",
  ]);
  assert.deepEqual(engine.tasks, [{ name: "daily", schedule: "@daily", fn: "clean", param: "", timezone: "UTC" }]);
});

const nothing = {
  shutdown_timeout_secs: null,
  shutdown_signal: null,
  needs: null,
  wait_for: null,
  run_as: null,
  log_buffer_capacity_mb: null,
  log_timestamp: null,
  use_protocol_data: null,
  one_time: null,
};
const serviceRestart = {
  always: { backoff_timeout_ms: 60000, backoff_base_ms: 1000, max_retries: null, backoff_max_ms: null },
};
const archiveRestart = {
  on_failure: { backoff_timeout_ms: 600000, backoff_base_ms: 500, max_retries: 10, backoff_max_ms: null },
};

test("complete job configurations, archive available (§12 26, 29)", async () => {
  assert.deepEqual(await initJobs(FULL, {}), {
    caddy: { ...nothing, job_type: { run_sh: "caddy run" }, restart: serviceRestart, use_protocol_data: false },
    jwt: { ...nothing, job_type: { run_sh: "openssl rand" }, restart: "never", needs: [] },
    chain: { ...nothing, job_type: { run_sh: "init" }, restart: "never", needs: ["jwt"], one_time: true },
    download: {
      ...nothing,
      job_type: { download: { ...caps, verify: null, verify_on_resume: null } },
      restart: archiveRestart,
      needs: ["jwt", "chain"],
    },
    unpack: {
      ...nothing,
      job_type: { run_sh: "tar" },
      restart: { on_failure: { backoff_timeout_ms: 1, backoff_base_ms: 2, max_retries: null, backoff_max_ms: null } },
      needs: ["jwt", "download"],
    },
    reth: {
      ...nothing,
      job_type: { run_sh: "reth" },
      restart: serviceRestart,
      shutdown_timeout_secs: 120,
      needs: ["unpack"],
      wait_for: [],
      use_protocol_data: true,
    },
    proxy: { ...nothing, job_type: { run_sh: "proxy" }, restart: serviceRestart, use_protocol_data: false },
  });
});

test("where the data come from (§12 27, 28)", async () => {
  const stamped = await initJobs(FULL, { protocolDataStamp: async () => new Date(0) });
  assert.equal(stamped["download"], undefined);
  assert.deepEqual(stamped["reth"]?.needs, ["jwt", "chain"]);

  const alternative = await initJobs(FULL, { hasProtocolArchive: async () => false });
  assert.deepEqual(alternative["download"], {
    ...nothing,
    job_type: { run_sh: "wget" },
    restart: "never",
    needs: ["jwt", "chain"],
    run_as: "bob",
    initializes_protocol_data: "alternative-download",
  });
  assert.deepEqual(alternative["reth"]?.needs, ["unpack"]);

  const cold = await initJobs({ ...FULL, alternative_download: null }, { hasProtocolArchive: async () => false });
  assert.deepEqual(cold["download"], {
    ...nothing,
    job_type: { run_sh: "genesis" },
    restart: "never",
    needs: ["jwt", "chain"],
    one_time: true,
    initializes_protocol_data: "cold-init",
  });
  assert.equal(cold["unpack"], undefined);
  assert.deepEqual(cold["reth"]?.needs, ["download"]);

  const bare = await initJobs(
    { ...FULL, alternative_download: null, cold_init: null },
    { hasProtocolArchive: async () => false },
  );
  assert.deepEqual(bare["reth"]?.needs, ["jwt", "chain"]);
});

const MULTI = configOf({
  download: { verify: "full", verify_on_resume: "sample" },
  services: [
    { name: "el", run_sh: "el", store_key: "el-v1", data_dir: "reth" },
    { name: "cl", run_sh: "cl", store_key: "cl-v1", archive: false },
  ],
});

test("an archive's data belong to the user of the services, if all that use them have one", async () => {
  const user = async (...users: readonly (string | null)[]): Promise<unknown> => {
    const services = users.map((run_as, n) => ({ name: `s${n}`, run_sh: "x", run_as }));
    const free = { name: "proxy", run_sh: "x", run_as: "www", use_protocol_data: false };
    return (await initJobs({ ...FULL, services: configOf({ services: [...services, free] }).services }, {}))["download"]
      ?.run_as;
  };
  assert.deepEqual(
    [
      await user("reth"),
      await user("reth", "reth"),
      await user("reth", null),
      await user("reth", "lighthouse"),
      await user(),
    ],
    ["reth", "reth", null, null, null],
  );
});

test("multi-client: only what is missing and exists is downloaded", async () => {
  const all = await initJobs(MULTI, { protocolDataStamp: async () => new Date(0) });
  assert.deepEqual(all["download"]?.job_type, {
    multi_client_download: { ...caps, verify: "full", verify_on_resume: "sample" },
  });
  assert.deepEqual(all["cl"]?.needs, ["download"]);
  const asked: unknown[] = [];
  const present = await initJobs(MULTI, { hasServiceData: async (dir) => asked.push(dir) > 0 });
  assert.deepEqual([present["download"], asked], [undefined, ["reth", "cl"]]);
  const nowhere = await initJobs(MULTI, { hasProtocolArchive: async () => false });
  assert.equal(nowhere["download"], undefined);
});

test("a failing init command stops the run and says why", async () => {
  const { engine, calls } = recorder({ runSh: async () => ({ exitCode: 3, stdout: "", stderr: "no space\n" }) });
  await assert.rejects(defaultInit(FULL, run(engine)), {
    code: "PLUGIN_ENGINE",
    message: "init command 'mkdir /x' failed with exit_code: 3 - no space",
  });
  assert.equal(calls.at(-1), "runSh mkdir /x");
});

test("commands have 15 s, or what they ask for", async () => {
  const given: unknown[] = [];
  const runSh: PluginEngine["runSh"] = async (body, options) => {
    given.push([body, options]);
    return { exitCode: 0, stdout: "", stderr: "" };
  };
  const commands = ["a", { run: "b", timeout: 600 }, { run: "c" }];
  await defaultInit(configOf({ init: { commands, jobs: [] }, services: [] }), run(recorder({ runSh }).engine));
  assert.deepEqual(given, [
    ["a", { timeoutMs: 15_000 }],
    ["b", { timeoutMs: 600_000 }],
    ["c", { timeoutMs: 15_000 }],
  ]);
});

const existing = { status: "running" } as never;

test("upload: services stop, stages run, services come back (§12 30)", async () => {
  const { engine, calls } = recorder({ getJobs: async () => ({ reth: existing }) });
  await defaultUpload(FULL, run(engine));
  const started = (name: string) => [`createJob ${name}`, `startJob ${name}`];
  assert.deepEqual(calls, ["stopJob reth", "runSh sync", ...["prune", "upload", "tidy", "reth"].flatMap(started)]);
  const jobs = Object.fromEntries(engine.jobs.map((job) => [job.name, job.config]));
  assert.deepEqual(jobs["upload"], {
    ...nothing,
    job_type: {
      upload: {
        exclude: ["*.log"],
        compression: null,
        max_connections: null,
        max_runners: null,
        number_of_chunks: null,
        url_expires_secs: null,
        data_version: null,
        layout: null,
        allow_empty: null,
        append_only: null,
      },
    },
    restart: archiveRestart,
    needs: ["prune"],
  });
  assert.deepEqual(jobs["tidy"]?.needs, ["upload"]);
  assert.deepEqual([jobs["reth"]?.needs, jobs["reth"]?.wait_for], [[], ["tidy"]]);
});

test("upload: services come back when a step before fails (§12 31)", async () => {
  const { engine, calls } = recorder({ runSh: async () => ({ exitCode: 1, stdout: "", stderr: "" }) });
  await assert.rejects(defaultUpload(FULL, run(engine)), {
    message: "pre_upload command 'sync' failed with exit_code: 1",
  });
  assert.deepEqual(calls, ["runSh sync", "createJob reth", "startJob reth"]);
  assert.deepEqual(engine.jobs[0]?.config.wait_for, []);
});

const pending = { status: { pending: { waiting_for: [] } } } as never;
const finished = { status: { finished: { exit_code: 1, message: "" } } } as never;

test("upload: refused while any stage of one is under way, and when nothing has an archive", async () => {
  for (const active of ["prune", "upload", "tidy"]) {
    const jobs = { prune: finished, upload: finished, tidy: finished, [active]: pending };
    const busy = recorder({ getJobs: async () => jobs });
    await assert.rejects(defaultUpload(FULL, run(busy.engine)), {
      message: `an upload is under way already: wait for job \`${active}\` to finish, or stop it`,
    });
    assert.deepEqual(busy.calls, []);
  }
  const none = { ...FULL, services: FULL.services.map((service) => ({ ...service, archive: false })) };
  await assert.rejects(defaultUpload(none, run(recorder().engine)), {
    code: "PLUGIN_CONFIG",
    message: /nothing to upload/,
  });
});

test("upload: one that was given up asks nothing more; what it stopped is brought back afterwards", async () => {
  const giveUp = new AbortController();
  const jobs: Record<string, { status: unknown }> = { reth: { status: "running" } };
  const { engine, calls } = recorder({
    getJobs: async () => jobs as never,
    stopJob: async (name) => {
      jobs[name] = { status: "stopped" };
    },
    startJob: async (name) => {
      jobs[name] = pending;
      if (name !== "upload") return;
      giveUp.abort();
      giveUp.signal.throwIfAborted();
    },
  });
  const given = { ...run(engine), ctx: { ...ctx, signal: giveUp.signal } };
  await assert.rejects(defaultUpload(FULL, given), { name: "AbortError" });
  assert.deepEqual([calls.at(-1), jobs["reth"]], ["startJob upload", { status: "stopped" }]);
  calls.length = 0;
  await resumeServices(FULL, run(engine));
  await resumeServices(FULL, run(engine));
  assert.deepEqual(calls, ["createJob reth", "startJob reth", "startJob reth"]);
  assert.deepEqual(engine.jobs.find(({ name }) => name === "reth")?.config.wait_for, ["prune", "upload"]);
});

test("upload: multi-client when services have store keys; compression defaults to ZSTD 3", async () => {
  const multi = recorder();
  await defaultUpload(MULTI, run(multi.engine));
  assert.deepEqual(multi.engine.jobs.find((job) => job.name === "upload")?.config.job_type, {
    multi_client_upload: { max_connections: null, max_runners: null, url_expires_secs: null, data_version: null },
  });
  const single = recorder();
  await defaultUpload({ ...FULL, upload: null }, run(single.engine));
  const upload = single.engine.jobs.find((job) => job.name === "upload")?.config.job_type;
  assert.deepEqual(upload && "upload" in upload && upload.upload.compression, { ZSTD: 3 });
});

const running = Object.fromEntries(
  ["caddy", "jwt", "chain", "reth", "proxy"].map((name) => [name, { status: "running" }]),
);

/** A node that runs by `FULL`, where only what is overridden is otherwise. */
function atWork(overrides: Partial<PluginEngine> = {}) {
  const deleted: string[] = [];
  const known = [...(FULL.aux_services ?? []), ...FULL.services];
  const host = recorder({
    getJobs: async () => running as never,
    protocolDataStamp: async () => new Date(0),
    compareJob: async (name, { job_type: type }) =>
      known.some((service) => service.name === name && isDeepStrictEqual(type, { run_sh: service.run_sh }))
        ? "active"
        : "other",
    deleteJob: async (name) => void deleted.push(name),
    deleteTask: async (name) => void deleted.push(name),
    ...overrides,
  });
  return { ...host, deleted };
}

const anew = (...names: readonly string[]): readonly string[] =>
  names.flatMap((name) => [`createJob ${name}`, `startJob ${name}`]);

test("changed parameters: services that the change concerns are defined anew, and nothing else is touched (T-30)", async () => {
  const changed: PluginConfig = {
    ...FULL,
    services: [{ ...FULL.services[0]!, run_sh: "reth --fast" }],
    scheduled: [],
  };
  const { engine, calls, deleted } = atWork();
  assert.equal(await renewServices("parameters", FULL, changed, "d1", run(engine)), true);
  assert.deepEqual(calls, ["stopJob reth", "renderTemplate /t", ...anew("reth")]);
  assert.deepEqual([deleted, await engine.loadConfig()], [["proxy", "daily"], { config: changed, digest: "d1" }]);
  assert.deepEqual(
    engine.jobs.map(({ config: job }) => [job.job_type, job.needs]),
    [[{ run_sh: "reth --fast" }, ["jwt", "chain"]]],
  );
});

test("changed parameters concern all services where a file changes, or nothing does, and one that names parameters always", async () => {
  const all = [
    ...["stopJob proxy", "stopJob reth", "stopJob caddy", "renderTemplate /t"],
    ...anew("caddy", "reth", "proxy"),
    "addTask daily",
  ];
  const otherTask = { ...FULL, scheduled: [{ ...FULL.scheduled![0]!, param: "x" }] };
  const file = atWork({ wouldRender: async (_, destination) => destination === "/d" });
  await renewServices("parameters", FULL, otherTask, "d1", run(file.engine));
  assert.deepEqual(file.calls, all);

  const hidden = atWork();
  await renewServices("parameters", FULL, FULL, "d1", run(hidden.engine));
  assert.deepEqual(hidden.calls, all);

  const shown = atWork();
  await renewServices("parameters", FULL, otherTask, "d1", run(shown.engine));
  assert.deepEqual(shown.calls, ["renderTemplate /t", "addTask daily"]);

  const reading = { ...otherTask, services: [FULL.services[0]!, { ...FULL.services[1]!, run_sh: "proxy $BV_PROP_X" }] };
  const named = atWork({ compareJob: async () => "active" });
  await renewServices("parameters", reading, { ...reading, scheduled: [] }, "d1", run(named.engine));
  assert.deepEqual(named.calls, ["stopJob proxy", "renderTemplate /t", ...anew("proxy")]);
});

test("changed parameters that init has to see, or a node without its data, are for init", async () => {
  const here = { protocolDataStamp: async () => new Date(0) };
  const other = { ...FULL, init: { commands: ["mkdir /y"], jobs: [] } };
  for (const [before, after, overrides] of [
    [undefined, FULL, here],
    [FULL, other, here],
    [FULL, { ...FULL, cold_init: null }, here],
    [FULL, FULL, {}],
  ] as const) {
    const { engine, calls } = recorder(overrides);
    assert.equal(await renewServices("parameters", before, after, "d1", run(engine)), false);
    assert.deepEqual([calls, await engine.loadConfig()], [[], undefined]);
  }
});

test("edited scripts: services that differ are defined anew and dropped ones deleted; what shows nowhere concerns nobody (§1 Do better)", async () => {
  const [reth, proxy] = FULL.services;
  const added = { ...proxy!, name: "watch", run_sh: "watch" };
  const changed: PluginConfig = { ...FULL, services: [reth!, added] };
  const { engine, calls, deleted } = atWork();
  assert.equal(await renewServices("scripts", FULL, changed, "d2", run(engine)), true);
  assert.deepEqual(calls, ["renderTemplate /t", ...anew("watch"), "addTask daily"]);
  assert.deepEqual(deleted, ["proxy"]);
  assert.deepEqual(await engine.loadApplied(), { config: changed, digest: "d2" });

  const hidden = atWork();
  const reading = { ...FULL, services: [{ ...reth!, run_sh: "reth $BV_PROP_X" }, proxy!] };
  const byThat = atWork({ compareJob: async () => "active" });
  assert.equal(await renewServices("scripts", FULL, FULL, "d2", run(hidden.engine)), true);
  assert.equal(await renewServices("scripts", reading, reading, "d2", run(byThat.engine)), true);
  assert.deepEqual([hidden.calls, byThat.calls], [["renderTemplate /t", "addTask daily"], hidden.calls]);
});

test("edited scripts: who was stopped stays so, and an edit that is no good costs no service", async () => {
  const idle = atWork({ compareJob: async (name) => (name === "reth" ? "idle" : "active") });
  assert.equal(await renewServices("scripts", FULL, FULL, "d2", run(idle.engine)), true);
  assert.deepEqual(idle.calls, ["renderTemplate /t", "addTask daily"]);
  const again = atWork({ compareJob: async (name) => (name === "reth" ? "idle" : "active") });
  await renewServices("parameters", FULL, { ...FULL, scheduled: [] }, "d1", run(again.engine));
  assert.deepEqual(again.calls, ["stopJob reth", "renderTemplate /t", ...anew("reth")]);

  const jobs = structuredClone(running) as Record<string, { status: string }>;
  const refused = atWork({
    compareJob: async () => "other",
    getJobs: async () => jobs as never,
    stopJob: async (name) => void (jobs[name]!.status = "stopped"),
    startJob: async (name) => void (jobs[name]!.status = "running"),
    createJob: async (name) => {
      if (name === "reth") throw new Error("the job is refused");
    },
  });
  let record: StepRecord | undefined;
  const journal = { read: async () => record, write: async (next: StepRecord | undefined) => void (record = next) };
  const changed = { ...FULL, services: FULL.services.map((one) => ({ ...one, run_sh: `${one.run_sh} --x` })) };
  await assert.rejects(renewServices("scripts", FULL, changed, "d2", run(refused.engine, journal)), /is refused/);
  assert.deepEqual(jobs, running);
});

test("a file that is rendered otherwise concerns those that name it, or its folder besides; and all when none names the file itself", async () => {
  const [reth, proxy] = FULL.services;
  const destination = "/etc/proxy/proxy.conf";
  const file = { ...FULL.config_files![0]!, destination };
  const all = ["caddy", "reth", "proxy"];
  for (const [run_sh, to, concerned, other = reth!.run_sh] of [
    ["proxy --config=/etc/proxy/proxy.conf", destination, ["proxy"]],
    ["proxy < '/etc/proxy/proxy.conf'.", destination, ["reth", "proxy"], "reth --all-of /etc/proxy"],
    // Who is a wrapper that reads the file is not known.
    ["exporter --folder /etc/proxy", destination, all],
    ["proxy --config /etc/proxy/proxy.conf.old", destination, all],
    ["proxy --config /root/etc/proxy/proxy.conf", destination, all],
    // A folder of everybody.
    ["proxy --config /etc/other.conf", "/etc/proxy.conf", all],
    ["proxy --config /etc/proxy.conf", "/etc/proxy.conf", ["proxy"], "reth --config /etc/reth.conf"],
  ] as const) {
    const services = [
      { ...reth!, run_sh: other },
      { ...proxy!, run_sh },
    ];
    const config = { ...FULL, config_files: [{ ...file, destination: to }], services };
    const { engine, calls } = atWork({ wouldRender: async () => true, compareJob: async () => "active" });
    assert.equal(await renewServices("scripts", config, config, "d1", run(engine)), true);
    const stopped = concerned.toReversed().map((name) => `stopJob ${name}`);
    assert.deepEqual(calls, [...stopped, "renderTemplate /t", ...anew(...concerned), "addTask daily"], run_sh);
  }
});

test("another name concerns services that have it in what they run", async () => {
  const [reth, proxy] = FULL.services;
  const before = { ...FULL, services: [{ ...reth!, run_sh: 'reth --identity "$NODE_NAME"' }, proxy!] };
  const { engine, calls } = atWork({ compareJob: async () => "active" });
  await renewServices("name", before, { ...before, scheduled: [] }, "d1", run(engine));
  assert.deepEqual(calls, ["stopJob reth", "renderTemplate /t", ...anew("reth")]);
  const other = atWork({ compareJob: async () => "active" });
  await renewServices("parameters", before, { ...before, scheduled: [] }, "d1", run(other.engine));
  assert.deepEqual(other.calls, ["renderTemplate /t"]);
});
