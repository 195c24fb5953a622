import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { release } from "node:os";
import { after, test } from "node:test";
import { until } from "../testbed/until.ts";
import { childrenOf } from "./child-processes.ts";
import { createExitWatch } from "./exit-watch.ts";
import { identifyProcess, isAlive, type ProcessIdentity } from "./process-identity.ts";

const started: ChildProcess[] = [];
after(() => {
  for (const child of started) child.kill("SIGKILL");
});

/** A process that waits for a line, and a parent that never collects it. */
async function uncollected(script: string): Promise<{ readonly identity: ProcessIdentity; go(): void }> {
  const parent = spawn("sh", ["-c", `exec 3<&0; sh -c 'read go; ${script}' <&3 & exec sleep 1000`], {
    stdio: ["pipe", "ignore", "inherit"],
  });
  started.push(parent);
  const { pid = 0 } = parent;
  await until(async () => childrenOf(pid).length === 1);
  const [child = 0] = childrenOf(pid);
  const identity = identifyProcess(child);
  assert.ok(identity);
  return { identity, go: () => parent.stdin.end("go\n") };
}

test("how processes end is known, each its own way, as often as it is asked", async () => {
  const exits = createExitWatch();
  const [failed, killed, other] = await Promise.all(["exit 3", "kill -TERM $$", "exit 0"].map(uncollected));
  assert.ok(failed && killed && other);
  for (const { identity } of [failed, killed]) exits.watch(identity);
  exits.watch(failed.identity);
  for (const { go } of [failed, killed, other]) go();
  for (const { identity } of [failed, killed, other]) await until(async () => !isAlive(identity));
  assert.deepEqual(await exits.exitOf(failed.identity), { kind: "exited", code: 3 });
  assert.deepEqual(await exits.exitOf(failed.identity), { kind: "exited", code: 3 });
  assert.deepEqual(await exits.exitOf(killed.identity), { kind: "killed", signal: 15 });
  assert.equal(await exits.exitOf(other.identity), undefined, "nobody watched it");
  exits.forget(failed.identity);
  assert.equal(await exits.exitOf(failed.identity), undefined);
});

test("a process with the pid of another one is not taken for it", async () => {
  const exits = createExitWatch();
  const { identity, go } = await uncollected("exit 0");
  const earlier = { ...identity, startTicks: identity.startTicks - 1 };
  exits.watch(earlier);
  assert.equal(await exits.exitOf(earlier), undefined);
  go();
});

test("one that was collected at once is known, too, where the kernel tells", async () => {
  const [major = 0, minor = 0] = release().split(".").map(Number);
  const exits = createExitWatch();
  const child = spawn("sh", ["-c", "read go; exit 7"], { stdio: ["pipe", "ignore", "inherit"] });
  started.push(child);
  const identity = identifyProcess(child.pid ?? 0);
  assert.ok(identity);
  exits.watch(identity);
  // It is asked in turn: when it has answered this it watches.
  const nobody = { ...identity, startTicks: identity.startTicks - 1 };
  exits.watch(nobody);
  assert.equal(await exits.exitOf(nobody), undefined);
  const ended = once(child, "exit");
  child.stdin.end("go\n");
  await ended;
  const exit = await exits.exitOf(identity);
  if (major > 6 || (major === 6 && minor >= 15)) assert.deepEqual(exit, { kind: "exited", code: 7 });
});

test("who listens hears of a process once it has ended, if it is still watched", async () => {
  const exits = createExitWatch();
  const heard: ProcessIdentity[] = [];
  exits.listen((process) => heard.push(process));
  const [first, forgotten, last] = await Promise.all(["exit 1", "exit 2", "exit 3"].map(uncollected));
  assert.ok(first && forgotten && last);
  for (const { identity } of [first, forgotten, last]) exits.watch(identity);
  exits.forget(forgotten.identity);
  forgotten.go();
  await until(async () => !isAlive(forgotten.identity));
  first.go();
  await until(async () => heard.length === 1);
  last.go();
  await until(async () => heard.length === 2);
  assert.deepEqual([heard, exits.tells], [[first.identity, last.identity], true]);
});

test("where nothing can tell, it says so", async (t) => {
  const path = process.env["PATH"];
  t.after(() => {
    process.env["PATH"] = path;
  });
  process.env["PATH"] = "/nonexistent";
  const exits = createExitWatch();
  exits.prepare();
  await until(async () => !exits.tells);
  const self = identifyProcess(process.pid);
  assert.ok(self);
  exits.watch(self);
  assert.equal(await exits.exitOf(self), undefined);
});
