import assert from "node:assert/strict";
import { test } from "node:test";
import { isDeepStrictEqual } from "node:util";
import type { PluginConfig } from "../config/model.ts";
import { readPluginConfig } from "../config/read.ts";
import type { SavedConfig } from "../config/saved.ts";
import { isActive, type JobConfig, type JobStatus } from "../engine/job.ts";
import { sampleNodeEnv } from "../engine/node-env.ts";
import type { PluginEngine } from "../engine/port.ts";
import { StubEngine } from "../engine/stub-engine.ts";
import { valueFromJson } from "../values/from-json.ts";
import { defaultInit } from "./default-init.ts";
import { defaultUpload, resumeServices } from "./default-upload.ts";
import { renewServices } from "./renew-services.ts";
import type { StepRecord } from "./step-journal.ts";

/** Init and upload, killed at every place: before each effect on the node or the journal, and between it and whatever comes next. */

const { config: CONFIG } = readPluginConfig(
  valueFromJson({
    config_files: [{ template: "/t", destination: "/d", params: {} }],
    aux_services: [{ name: "caddy", run_sh: "caddy" }],
    init: {
      commands: ["first", "second"],
      jobs: [
        { name: "keys", run_sh: "keys" },
        { name: "prepare", run_sh: "prepare" },
      ],
    },
    post_download: [{ name: "unpack", run_sh: "tar" }],
    services: [{ name: "reth", run_sh: "reth" }],
    pre_upload: { commands: ["sync"], jobs: [{ name: "prune", run_sh: "prune" }] },
    post_upload: [{ name: "tidy", run_sh: "rm" }],
    scheduled: [{ name: "daily", schedule: "@daily", function: "clean" }],
  }),
);

const services: readonly string[] = ["caddy", "reth"];

/** A node whose jobs that are no services end at once. It outlives its hosts. */
class World {
  readonly effects: string[] = [];
  readonly jobs = new Map<string, { readonly config: JobConfig; readonly status: JobStatus }>();
  record: StepRecord | undefined;
  saved: SavedConfig | undefined = { config: CONFIG, digest: "" };
  applied: SavedConfig | undefined = this.saved;
  /** A service has used the data. */
  #isUsed = false;
  #left = Number.POSITIVE_INFINITY;
  #isAfter = false;
  /** Of the host that is alive: one that is killed asks nothing more, whatever its code would do next. */
  #giveUp = new AbortController();

  /** The host dies at its n-th effect from now on: before it, or as soon as it is there. Returns what was cut. */
  cutAt(n: number, isAfter: boolean): void {
    this.#left = n;
    this.#isAfter = isAfter;
  }

  #effect(name: string, act: () => void): void {
    this.#left -= 1;
    if (this.#left < 0 || (this.#left === 0 && !this.#isAfter)) this.#die();
    this.effects.push(name);
    act();
    if (this.#left === 0) this.#die();
  }

  #die(): never {
    this.#giveUp.abort();
    throw new Killed();
  }

  host() {
    this.#giveUp = new AbortController();
    const stub = new StubEngine({ env: sampleNodeEnv({ version: "1.0.0", protocol: "p", variant: "v" }), params: {} });
    const set = (name: string, status: JobStatus): void => {
      this.jobs.set(name, { config: this.jobs.get(name)!.config, status });
    };
    const statusOf = (name: string): JobStatus | undefined => this.jobs.get(name)?.status;
    const overrides: Partial<PluginEngine> = {
      createJob: async (name, config) => {
        const before = this.jobs.get(name);
        if (isActive(before?.status) && isDeepStrictEqual(before?.config, config)) return;
        this.#effect(`create ${name}`, () => this.jobs.set(name, { config, status: "stopped" }));
      },
      startJob: async (name) => {
        if (isActive(statusOf(name))) return;
        const end: JobStatus = services.includes(name) ? "running" : { finished: { exit_code: 0, message: "" } };
        this.#effect(`start ${name}`, () => {
          set(name, end);
          this.#isUsed ||= name === "reth";
        });
      },
      stopJob: async (name) => this.#effect(`stop ${name}`, () => set(name, "stopped")),
      stopAllJobs: async () => {
        const stop = (): void => {
          for (const name of this.jobs.keys()) if (isActive(statusOf(name))) set(name, "stopped");
        };
        this.#effect("stop all", stop);
      },
      getJobs: async () => Object.fromEntries([...this.jobs].map(([name, { status }]) => [name, { status }])) as never,
      runSh: async (body) => {
        this.#effect(`run ${body}`, () => {});
        return { exitCode: 0, stdout: "", stderr: "" };
      },
      compareJob: async (name, { job_type: type }) => {
        const job = this.jobs.get(name);
        if (!isDeepStrictEqual(job?.config.job_type, type)) return "other";
        return isActive(job?.status) ? "active" : "idle";
      },
      loadConfig: async () => this.saved,
      saveConfig: async (config, digest) =>
        this.#effect("save", () => {
          this.saved = { config, digest };
        }),
      saveApplied: async (config, digest) =>
        this.#effect("save applied", () => {
          this.applied = { config, digest };
        }),
      renderTemplate: async (_, destination) => this.#effect(`render ${destination}`, () => {}),
      addTask: async (name) => this.#effect(`task ${name}`, () => {}),
      // As soon as a service has used them there are data, and nothing would be downloaded any more.
      protocolDataStamp: async () => (this.#isUsed ? new Date(0) : undefined),
    };
    const engine = new Proxy(stub, {
      get: (target, name: keyof StubEngine & keyof PluginEngine) => {
        const member = (overrides[name] ?? target[name]) as (...args: unknown[]) => unknown;
        return member.bind(target);
      },
    });
    return {
      engine,
      ctx: { deadline: Number.POSITIVE_INFINITY, signal: this.#giveUp.signal },
      of: "this",
      onStep: () => {},
      journal: {
        read: async () => this.record,
        write: async (record: StepRecord | undefined) =>
          this.#effect("record", () => {
            this.record = record;
          }),
      },
    };
  }

  count(effect: string): number {
    return this.effects.filter((one) => one === effect).length;
  }
}

class Killed extends Error {}

async function isDone(work: Promise<unknown>): Promise<boolean> {
  try {
    await work;
    return true;
  } catch (error) {
    assert.ok(error instanceof Killed, String(error));
    return false;
  }
}

/** All places of `work`: each with its world after the death, what had happened before `work`, and the last effect there was on the node. */
async function* cuts(begin: () => Promise<World>, work: (world: World) => Promise<unknown>) {
  for (const isAfter of [false, true]) {
    for (let n = 1; ; n += 1) {
      const world = await begin();
      const before = world.effects.length;
      world.cutAt(n, isAfter);
      if (await isDone(work(world))) break;
      world.cutAt(Number.POSITIVE_INFINITY, false);
      const last = world.effects.findLast((effect) => effect !== "record");
      yield { world, before, last, place: `${isAfter ? "after" : "before"} effect ${n}` };
    }
  }
}

test("init that is cut anywhere goes on there: no job is started and no command run a second time, and none is left out", async () => {
  const whole = new World();
  await defaultInit(CONFIG, whole.host());
  const { effects } = whole;
  let places = 0;
  for await (const { world, last, place } of cuts(
    async () => new World(),
    (world) => defaultInit(CONFIG, world.host()),
  )) {
    places += 1;
    const isRecorded = world.effects.at(-1) === "record";
    const names = await defaultInit(CONFIG, world.host());
    const twice = effects.filter((effect) => effect !== "record" && world.count(effect) > whole.count(effect));
    // What is not on record is done again, but for the start of a job.
    assert.deepEqual(twice, isRecorded || last === undefined || last.startsWith("start") ? [] : [last], place);
    const less = effects.filter((effect) => effect !== "record" && world.count(effect) < whole.count(effect));
    assert.deepEqual(less, [], place);
    assert.deepEqual([world.jobs, world.record], [whole.jobs, whole.record], place);
    assert.deepEqual(names.toSorted(), [...whole.jobs.keys()].toSorted());
  }
  assert.equal(places, 2 * effects.length);
});

test("a run that is complete is not begun again; another plugin or config begins its own", async () => {
  const world = new World();
  await defaultInit(CONFIG, world.host());
  const before = [...world.effects];
  await defaultInit(CONFIG, world.host());
  assert.deepEqual(world.effects, before);
  await defaultInit(CONFIG, { ...world.host(), of: "another" });
  assert.deepEqual(world.effects.slice(before.length).slice(0, 3), ["stop all", "record", "render /d"]);
});

test("after a command that failed all are run again: one before it may be to blame", async () => {
  const world = new World();
  const host = world.host();
  const runSh: PluginEngine["runSh"] = async (body) => {
    world.effects.push(`run ${body}`);
    return { exitCode: body === "second" ? 1 : 0, stdout: "", stderr: "" };
  };
  const engine = new Proxy(host.engine, {
    get: (target, name: keyof StubEngine) => (name === "runSh" ? runSh : target[name]),
  });
  await assert.rejects(defaultInit(CONFIG, { ...host, engine }), { code: "PLUGIN_ENGINE" });
  assert.equal(world.record, undefined);
  await defaultInit(CONFIG, world.host());
  assert.deepEqual([world.count("run first"), world.count("start keys")], [2, 1]);
});

const beginAtWork = async (): Promise<World> => {
  const world = new World();
  await defaultInit(CONFIG, world.host());
  world.record = undefined;
  return world;
};

test("a change of parameters that is cut anywhere starts each service that it concerns once more, and no other", async () => {
  const reth = CONFIG.services[0]!;
  const changes: readonly [PluginConfig, readonly number[]][] = [
    [{ ...CONFIG, services: [{ ...reth, run_sh: "reth --fast" }] }, [1, 2]],
    [CONFIG, [2, 2]],
  ];
  for (const [config, starts] of changes) {
    const renew = (world: World) =>
      renewServices("parameters", world.applied?.config, config, "d", { ...world.host(), of: "renewal" });
    for await (const { world, place } of cuts(beginAtWork, renew)) {
      assert.equal(await renew(world), true);
      assert.deepEqual([world.count("start caddy"), world.count("start reth")], starts, place);
      const saved = { config, digest: "d" };
      assert.deepEqual([world.saved, world.applied, world.jobs.get("reth")?.status], [saved, saved, "running"], place);
      assert.deepEqual([world.count("start keys"), world.count("run first")], [1, 1], place);
    }
  }
});

test("upload that is cut anywhere is completed from its job `upload` on, and undone before; services always come back", async () => {
  let [completed, undone] = [0, 0];
  for await (const { world, place, before } of cuts(beginAtWork, (one) => defaultUpload(CONFIG, one.host()))) {
    await resumeServices(CONFIG, world.host());
    await resumeServices(CONFIG, world.host());
    const since = world.effects.slice(before);
    const times = (effect: string): number => since.filter((one) => one === effect).length;
    const isUploaded = times("start upload") === 1;
    assert.deepEqual(
      [times("start upload"), times("start tidy"), times("start reth"), world.jobs.get("reth")?.status],
      [isUploaded ? 1 : 0, isUploaded ? 1 : 0, times("stop reth"), "running"],
      place,
    );
    assert.ok(times("start prune") <= 1 && times("run sync") <= 1, place);
    if (isUploaded) completed += 1;
    else undone += 1;
  }
  assert.deepEqual([completed > 10, undone > 10], [true, true], `${completed}, ${undone}`);
});
