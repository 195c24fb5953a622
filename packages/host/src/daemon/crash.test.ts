import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { lstat, mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { promisify } from "node:util";
import {
  ErrorDetailSchema,
  JobState,
  type Node,
  NodeStatus,
  type OperationEvent,
} from "@blockvisor/wire/blockvisor/host/v1/host";
import { type CallOptions, ConnectError } from "@connectrpc/connect";
import { linkNames } from "../network/names.ts";
import { dataBelow } from "../node/data-place.ts";
import { nodePaths } from "../place/paths.ts";
import {
  type DaemonProcess,
  finish,
  makeRoot,
  startDaemonProcess,
  stepsOf,
  type TestRoot,
} from "../testbed/daemon-process.ts";
import { makeTestImage, script } from "../testbed/test-image.ts";
import { tracesOf } from "../testbed/traces.ts";
import { until } from "../testbed/until.ts";
import { type Death, scheduleOf } from "./crash-schedule.ts";
import {
  type Condition,
  type CutPoint,
  courseOf,
  cutPointsOf,
  histories,
  type Operation,
  operations,
} from "./cut-points.ts";

/**
 * The crash matrix (spec host-daemon §11.1): the daemon is killed at every place of every operation. The next daemon must bring the node to
 * what was asked for, with nothing lost, repeated or left behind.
 *
 * One death cuts many nodes, each at its own place; the daemon that brings them back is the one that dies next. The default run takes one of
 * `parts` parts of all places, another one each day; BV_CRASH_PART=n takes part n, BV_CRASH_ALL=1 all of them, BV_CRASH_ONLY=restart those
 * of one operation.
 */
const parts = 4;
const today = Math.floor(Date.now() / 86_400_000) % parts;
const part = Number(process.env["BV_CRASH_PART"] ?? today);
const only = process.env["BV_CRASH_ONLY"];
const everywhere = process.env["BV_CRASH_ALL"] !== undefined;
/** Nodes that are cut in one death. */
const together = 16;

/** Until all have got to their places; on a machine under load a node takes half a minute to come up. */
const patienceMs = 300_000;

const cuts = operations
  .flatMap(cutPointsOf)
  .filter(({ operation }, index) => (only === undefined ? everywhere || index % parts === part : operation === only));
const schedule = scheduleOf(cuts, together);

/** What was true of a node before it was cut. */
interface Found {
  readonly version: string;
  readonly previous: string | undefined;
  /** Versions for which `init` has run. */
  readonly inits: readonly string[];
  /** How often its service was started. */
  readonly starts: number;
  readonly isAtHome: boolean;
}

const unborn: Found = { version: "1.0.0", previous: undefined, inits: [], starts: 0, isAtHome: true };

/** One node after another, each of which goes from death to death. */
interface Life {
  id: string;
  condition: Condition;
  /** It is what its last operation should have made of it. */
  isSound: boolean;
  found: Found;
  /** New for each cut: what its clone is called, its color, and the key of the request. */
  mark: string;
}

const lives: readonly Life[] = Array.from({ length: together }, () => ({
  id: randomUUID(),
  condition: "absent",
  isSound: true,
  found: unborn,
  mark: "",
}));

const run = promisify(execFile);
/** Nodes of which nothing must be left. */
const gone: string[] = [];
let root: TestRoot;
let daemon: DaemonProcess;
let images: Readonly<Record<"first" | "second" | "failing", string>>;
let elsewhere: string;

before(async () => {
  root = await makeRoot();
  const folder = root.paths.root;
  images = {
    first: await makeTestImage(folder, "1.0.0", script("1.0.0"), hook),
    second: await makeTestImage(folder, "2.0.0", script("2.0.0"), hook),
    failing: await makeTestImage(folder, "3.0.0", 'fn init() { throw "no way" }', hook),
  };
  elsewhere = join(folder, "elsewhere");
  await mkdir(elsewhere);
  daemon = await startNext();
});

after(async () => {
  await Promise.allSettled(lives.map(dismiss));
  await daemon.stop();
  await root.remove();
});

/** Babel waits to be told what it otherwise finds at its start, or not, as it happens: so the steps are the same each time. */
const hook = { "var/lib/babel/post_setup.sh": "#!/bin/sh\n" };

/** Requests that may be repeated: with the key of the first they take effect once, and are answered as that one ended. */
const requests = {
  start: ({ id: node, mark }) => daemon.client.startNode({ node }, once(mark)),
  stop: ({ id: node, mark }) => daemon.client.stopNode({ node }, once(mark)),
  "stop with force": ({ id: node, mark }) => daemon.client.stopNode({ node, force: true }, once(mark)),
  restart: ({ id: node, mark }) => daemon.client.restartNode({ node }, once(mark)),
  upgrade: (life) => upgrade(life, "2.0.0", images.second),
  "upgrade when stopped": (life) => upgrade(life, "2.0.0", images.second),
  "upgrade that fails": (life) => upgrade(life, "3.0.0", images.failing),
  rollback: ({ id: node, mark }) => daemon.client.rollbackNode({ node }, once(mark)),
  // There and, the next time, back.
  "move data": ({ id: node, mark, found }) =>
    daemon.client.moveNodeData({ node, directory: found.isAtHome ? elsewhere : "" }, once(mark)),
} satisfies Partial<Record<Operation, (life: Life) => AsyncIterable<OperationEvent>>>;

type Repeatable = keyof typeof requests;

function repeatable<T>(make: (request: (life: Life) => AsyncIterable<OperationEvent>) => T): Record<Repeatable, T> {
  const all = Object.entries(requests).map(([operation, request]) => [operation, make(request)]);
  return Object.fromEntries(all) as Record<Repeatable, T>;
}

function once(mark: string): CallOptions {
  return mark === "" ? {} : { headers: { "idempotency-key": mark } };
}

type Deed = (life: Life) => Promise<unknown>;

/** What is done with a node. */
const deeds: Readonly<Record<Operation, Deed>> = {
  create: ({ id }) => finish(createNode(id, false)),
  "create and start": ({ id }) => finish(createNode(id, true)),
  "create that fails": ({ id }) => finish(createNode(id, true, images.failing)),
  ...repeatable((request) => (life) => finish(request(life))),
  clone: ({ id: node, mark: id }) => finish(daemon.client.cloneNode({ node, id, stop: true })),
  delete: ({ id: node }) => finish(daemon.client.deleteNode({ node })),
  "recover babel": async ({ id }) => process.kill((await agentOf(id)).pid, "SIGKILL"),
  "recover the container": async ({ id }) => process.kill((await get(id)).pid ?? 0, "SIGKILL"),
  "restart of the daemon": async () => {},
  "update of parameters": async ({ id, mark: color }) => {
    // As the update makes it durable before its first step.
    const path = nodePaths(root.paths, id).state;
    const state = JSON.parse(await readFile(path, "utf8"));
    const operation = { id: randomUUID(), kind: "update", since: Date.now() };
    const change = { properties: { color }, initialized: false, reconfigure: true, operation };
    await writeFile(path, JSON.stringify({ ...state, ...change }));
  },
  "reboot of the machine": async ({ id }) => {
    const { directory } = nodePaths(root.paths, id);
    const { init } = JSON.parse(await readFile(join(directory, "container.json"), "utf8"));
    process.kill(init.pid, "SIGKILL");
    await run("ip", ["netns", "delete", linkNames(id).namespace]);
    await run("umount", ["--lazy", join(directory, "rootfs")]);
  },
};

function createNode(id: string, start: boolean, imageUri = images.first): AsyncIterable<OperationEvent> {
  return daemon.client.createDevNode({
    id,
    imageKey: { protocolKey: "test", variantKey: "test-main" },
    imageVersion: "1.0.0",
    imageUri,
    vm: { memoryMb: 250n },
    properties: { color: "green" },
    start,
  });
}

function upgrade({ id: node, mark }: Life, imageVersion: string, imageUri: string): AsyncIterable<OperationEvent> {
  return daemon.client.upgradeDevNode({ node, imageUri, imageVersion, watchMs: 50 }, once(mark));
}

async function agentOf(id: string): Promise<{ readonly pid: number }> {
  return JSON.parse(await readFile(nodePaths(root.paths, id).agentRecord, "utf8")).process;
}

/** A daemon that dies in the places of `armed`, once they are told. */
function startNext(options: { readonly wait?: boolean } = {}): Promise<DaemonProcess> {
  return startDaemonProcess(root, { BV_FAILPOINT: `file:${placesFile()}` }, options);
}

const placesFile = (): string => join(root.paths.root, "places");

/** Gives each of these lives a node in the condition in which its operation begins. */
async function prepare(death: Death): Promise<void> {
  await Promise.all(
    death.map(async ({ life: index, cut }) => {
      const life = lifeOf(index);
      const { from } = courseOf(cut.operation);
      if (!life.isSound || life.condition !== from) {
        await dismiss(life);
        for (const [done, operation] of histories[from].entries()) {
          await deeds[operation](life);
          // The shell of a service that runs may not have said so yet.
          const starts = async (): Promise<number> => (await lines(life.id, "starts")).length;
          if (operation !== "create") await until(async () => (await starts()) > done);
        }
        life.condition = from;
      }
      life.isSound = false;
      life.mark = randomUUID();
      life.found = await find(life);
    }),
  );
}

const lifeOf = (index: number): Life => lives[index] ?? assert.fail(`no life ${index}`);

/** Ends a life's node; it goes on with another. */
async function dismiss(life: Life): Promise<void> {
  await end([life.id, life.mark]);
  Object.assign(life, { id: randomUUID(), condition: "absent", isSound: true, found: unborn, mark: "" });
}

/** Deletes those of these nodes that are there. */
async function end(ids: readonly string[]): Promise<void> {
  const { nodes } = await daemon.client.listNodes({ local: true });
  const there = ids.filter((id) => nodes.some((node) => node.id === id));
  await Promise.all(there.map((node) => finish(daemon.client.deleteNode({ node }))));
  gone.push(...ids.filter((id) => id !== ""));
}

async function find(life: Life): Promise<Found> {
  if (life.condition === "absent") return unborn;
  const { id } = life;
  if (life.condition !== "created") await isServing(id);
  const { image, previousImage } = await get(id);
  const { data } = nodePaths(root.paths, id);
  return {
    version: image?.version ?? "",
    previous: previousImage?.version,
    inits: await lines(id, "inits"),
    starts: (await lines(id, "starts")).length,
    isAtHome: (await lstat(data)).isDirectory(),
  };
}

/** Kills a daemon in which each of these nodes has got to its place, and starts the next. */
async function die(death: Death): Promise<void> {
  await prepare(death);
  const [attaching, operating] = [death.filter(isAttach), death.filter((one) => !isAttach(one))];
  const places = death.map(({ life, cut }) => {
    const { id, mark } = lifeOf(life);
    return `${courseOf(cut.operation).makes ? mark : id}/${cut.name}@${cut.pass}`;
  });
  if (attaching.length > 0) {
    await daemon.kill();
    for (const { life, cut } of attaching) await deeds[cut.operation](lifeOf(life));
  }
  await writeFile(`${placesFile()}.new`, places.join(","));
  await rename(`${placesFile()}.new`, placesFile());
  if (attaching.length > 0) daemon = await startNext({ wait: false });
  const refused = operating.map(({ life, cut }) => refusalOf(deeds[cut.operation](lifeOf(life)), cut));
  const patience = new AbortController();
  const late = pause(patienceMs, "late" as const, { signal: patience.signal }).catch(() => "late" as const);
  const end = await Promise.race([daemon.ended, late, ...refused]);
  patience.abort();
  if (end !== "SIGKILL") await daemon.kill();
  const dead = daemon;
  daemon = await startNext();
  // Whoever comes last does not say that it waits.
  const missed = places.filter((place) => !dead.log().includes(`held at ${place.split("@")[0]},`));
  const told = dead.log().split("\n").slice(-60).join("\n");
  assert.deepEqual([end, missed.length], ["SIGKILL", 1], `places that were not reached: ${missed.join(", ")}\n${told}`);
}

/** Resolves when an operation is refused, or ends, instead of being cut. */
async function refusalOf(deed: Promise<unknown>, { operation }: CutPoint): Promise<string> {
  const byItself = operation.startsWith("recover");
  const answer = await deed.then(
    () => "done",
    (error: unknown) => ConnectError.from(error),
  );
  const isCut = typeof answer !== "string" && answer.findDetails(ErrorDetailSchema).length === 0;
  if (byItself || isCut) await new Promise(() => {});
  return `${operation}: ${answer}`;
}

const isAttach = ({ cut }: Death[number]): boolean => courseOf(cut.operation).attach ?? false;

const get = (node: string): Promise<Node> => daemon.client.getNode({ node });

async function lines(id: string, name: string): Promise<string[]> {
  const text = await readFile(join(nodePaths(root.paths, id).data, name), "utf8").catch(() => "");
  return text.split("\n").filter((line) => line !== "");
}

/** The job of its init is done, its service runs. */
async function isServing(id: string): Promise<void> {
  const state = async (job: string): Promise<JobState> => (await daemon.client.getJob({ node: id, job })).state;
  await until(
    async () => (await state("prepare")) === JobState.FINISHED && (await state("web")) === JobState.RUNNING,
    () => daemon.client.listJobs({ node: id }),
  );
}

interface Victim extends Life {
  readonly cut: CutPoint;
}

/** What an operation changes; what is left out must be as it was found. */
interface Expected {
  readonly version?: string;
  readonly previous?: string | undefined;
  /** Versions for which `init` has run now, too. */
  readonly inits?: readonly string[];
  /** How often its service was started now. */
  readonly starts?: number;
}

async function isRunning({ id, found }: Victim, expected: Expected): Promise<void> {
  const { version, previous, inits = [], starts = 0 } = { ...found, inits: [], starts: 0, ...expected };
  const node = await get(id);
  assert.deepEqual(
    [node.status, node.image?.version, node.previousImage?.version, node.operation],
    [NodeStatus.RUNNING, version, previous, undefined],
    node.problem?.message,
  );
  await isServing(id);
  // No command and no job of an init that was cut is run again.
  const all = [...found.inits, ...inits];
  assert.deepEqual([await lines(id, "inits"), await lines(id, "prepared")], [all, all]);
  // The shell of a job that runs may not have got to it yet; each init starts the services anew.
  const count = async (): Promise<number> => (await lines(id, "starts")).length;
  const times = found.starts + starts;
  await until(async () => (await count()) >= times);
  assert.equal(await count(), times);
}

async function isStopped({ id, found }: Victim, expected: Expected = {}): Promise<void> {
  const { version, previous } = { ...found, ...expected };
  const node = await get(id);
  assert.deepEqual(
    [node.status, node.pid, node.operation, node.image?.version, node.previousImage?.version],
    [NodeStatus.STOPPED, undefined, undefined, version, previous],
  );
  assert.deepEqual(await lines(id, "inits"), found.inits);
}

async function isGone({ id }: Victim): Promise<void> {
  const { nodes } = await daemon.client.listNodes({ local: true });
  assert.ok(!nodes.some((node) => node.id === id));
}

/** What must be true of a node whatever the place at which it was cut. */
const outcomes: Readonly<Record<Operation, (victim: Victim) => Promise<void>>> = {
  create: (victim) => isStopped(victim),
  "create and start": (victim) => isRunning(victim, { inits: ["1.0.0"], starts: 1 }),
  "create that fails": (victim) => isGone(victim),
  start: (victim) => isRunning(victim, { inits: ["1.0.0"], starts: 1 }),
  stop: (victim) => isStopped(victim),
  "stop with force": (victim) => isStopped(victim),
  restart: (victim) => isRunning(victim, { starts: 1 }),
  upgrade: (victim) => isRunning(victim, { version: "2.0.0", previous: "1.0.0", inits: ["2.0.0"], starts: 1 }),
  "upgrade when stopped": (victim) => isStopped(victim, { version: "2.0.0", previous: "1.0.0" }),
  "upgrade that fails": async (victim) => {
    await isRunning(victim, { starts: 1 });
    const { problem } = await get(victim.id);
    assert.equal(problem?.code, "upgrade_rolled_back");
    assert.match(problem?.message ?? "", /no way/);
  },
  rollback: (victim) => {
    const { version, previous } = victim.found;
    return isRunning(victim, { version: previous ?? "", previous: version, starts: 1 });
  },
  "move data": async (victim) => {
    await isRunning(victim, { starts: 1 });
    const { isAtHome } = await find(victim);
    assert.equal(isAtHome, !victim.found.isAtHome);
    assert.equal(existsSync(dataBelow(elsewhere, victim.id)), !isAtHome);
  },
  clone: async (victim) => {
    await isRunning(victim, { starts: 1 });
    await isStopped({ ...victim, id: victim.mark });
  },
  delete: (victim) => isGone(victim),
  "recover babel": (victim) => isRunning(victim, {}),
  "recover the container": (victim) => isRunning(victim, { starts: 1 }),
  "restart of the daemon": (victim) => isRunning(victim, {}),
  "update of parameters": async (victim) => {
    await isRunning(victim, { inits: [victim.found.version], starts: 1 });
    assert.equal((await daemon.client.runFunction({ node: victim.id, function: "color" })).value, victim.mark);
  },
  "reboot of the machine": (victim) => isRunning(victim, { starts: 1 }),
};

/** What who asked is told when he asks again: how it ended, and nothing is done for it. */
async function isAnswered(victim: Victim): Promise<void> {
  const request = repeatable((each) => each)[victim.cut.operation as Repeatable];
  if (request === undefined) return;
  const fails = victim.cut.operation === "upgrade that fails";
  const answer = await stepsOf(request(victim)).catch(codeOf);
  assert.deepEqual(answer, fails ? "upgrade_rolled_back" : []);
}

const codeOf = (error: unknown): string | undefined => ConnectError.from(error).findDetails(ErrorDetailSchema)[0]?.code;

const share = only ?? (everywhere ? `all ${cuts.length} places` : `part ${part} of ${parts}, ${cuts.length} places`);

for (const [index, death] of schedule.entries()) {
  describe(`death ${index + 1} of ${schedule.length} (${share})`, () => {
    before(() => die(death));

    for (const { life: number, cut } of death) {
      test(`${cut.operation}, ${cut.name}@${cut.pass}: is as it was asked for`, async () => {
        const life = lifeOf(number);
        await outcomes[cut.operation]({ ...life, cut });
        await isAnswered({ ...life, cut });
        life.condition = courseOf(cut.operation).to;
        life.isSound = true;
      });
    }

    test("and nothing is left of those that are gone", async () => {
      await end(death.filter(({ cut }) => courseOf(cut.operation).makes).map(({ life }) => lifeOf(life).mark));
      const next = new Map(schedule[index + 1]?.map(({ life, cut }) => [life, courseOf(cut.operation).from]));
      const goesOn = ({ condition }: Life, number: number): boolean =>
        condition !== "absent" && condition === next.get(number);
      await Promise.all(lives.filter((life, number) => !goesOn(life, number)).map(dismiss));
      const traces = (): Promise<string[]> => tracesOf(root.paths, ...gone);
      await until(async () => (await traces()).length === 0, traces);
      gone.length = 0;
    });
  });
}
