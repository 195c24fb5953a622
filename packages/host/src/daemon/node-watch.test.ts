import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { afterEach, beforeEach, test } from "node:test";
import { pino } from "pino";
import { defaultDevConfig } from "../config/host-config.ts";
import type { NodeActor } from "../node/node-actor.ts";
import type { NodeTable } from "../node/node-table.ts";
import { createExitWatch, identifyProcess, type ProcessIdentity } from "../runtime/index.ts";
import { until } from "../testbed/until.ts";
import { type NodeWatch, watchNodes } from "./node-watch.ts";

const started: ChildProcess[] = [];
let watch: NodeWatch;
/** Processes whose end the kernel has told. */
const told: ProcessIdentity[] = [];
afterEach(() => {
  watch.stop();
  for (const child of started.splice(0)) child.kill("SIGKILL");
});

function sleeper(): { readonly identity: ProcessIdentity; die(): Promise<unknown> } {
  const child = spawn("sleep", ["1000"], { stdio: "ignore" });
  started.push(child);
  const identity = identifyProcess(child.pid ?? 0);
  assert.ok(identity);
  const die = async (): Promise<unknown> => {
    const gone = once(child, "exit");
    child.kill("SIGKILL");
    return gone;
  };
  return { identity, die };
}

/** What a watch knows of a node. `checks`: how it was looked at, `thorough` or not. */
function nodeOf(init: ProcessIdentity | undefined, babel?: ProcessIdentity, problem: object | null = null) {
  const checks: boolean[] = [];
  return {
    parts: { init, agent: babel && { process: babel } },
    idle: true,
    operation: undefined as object | undefined,
    snapshot() {
      return { state: { problem }, operation: this.operation };
    },
    check: async (thorough: boolean) => void checks.push(thorough),
    checks,
  };
}
type WatchedNode = ReturnType<typeof nodeOf>;

function watched(...nodes: readonly WatchedNode[]): NodeWatch {
  const table = { actors: () => nodes, adoptRepaired: async () => {} };
  const exits = createExitWatch();
  const listen: typeof exits.listen = (listener) =>
    exits.listen((process) => {
      listener(process);
      told.push(process);
    });
  const host = { exits: Object.assign(Object.create(exits), { listen }), config: defaultDevConfig() };
  watch = watchNodes(table as unknown as NodeTable, host, pino({ level: "silent" }));
  for (const node of nodes) watch.changed(node as unknown as NodeActor);
  return watch;
}

// The clock stands still until a test moves it: what happens without was told by the kernel.
beforeEach((t) => {
  assert.ok("mock" in t);
  t.mock.timers.enable({ apis: ["setInterval"] });
});

test("a node is looked at as soon as its container or its babel has ended (DB-4.13)", async () => {
  const [init, babel, other] = [sleeper(), sleeper(), sleeper()];
  const node = nodeOf(init.identity, babel.identity);
  const bystander = nodeOf(other.identity);
  watched(node, bystander);
  await babel.die();
  await until(async () => node.checks.length === 1);
  await init.die();
  await until(async () => node.checks.length === 2);
  assert.deepEqual([node.checks, bystander.checks], [[false, false], []]);
});

test("what ended while something was done with the node is looked at afterwards", async () => {
  const init = sleeper();
  const node = nodeOf(init.identity);
  watched(node);
  Object.assign(node, { idle: false, operation: {} });
  await init.die();
  await until(async () => told.includes(init.identity));
  watch.changed(node as unknown as NodeActor);
  assert.deepEqual(node.checks, [], "its operation goes on");
  Object.assign(node, { idle: true, operation: undefined });
  watch.changed(node as unknown as NodeActor);
  await until(async () => node.checks.length === 1);
});

test("beneath that processes are looked at every ten seconds, all of a node every thirty, and who waits for another attempt every two", (t) => {
  const nodes = [nodeOf(undefined), nodeOf(undefined), nodeOf(undefined, undefined, {})];
  watched(...nodes);
  for (let tick = 0; tick < 15; tick += 1) t.mock.timers.tick(2_000);
  const counts = nodes.map(({ checks }) => [checks.length, checks.filter((thorough) => thorough).length]);
  assert.deepEqual(counts, [
    [3, 1],
    [3, 1],
    [15, 1],
  ]);
});
