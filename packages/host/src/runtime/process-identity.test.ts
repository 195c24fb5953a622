import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import { identifyProcess, isAlive, signalProcess } from "./index.ts";
import { exitOf } from "./process-identity.ts";

test("a process is known by pid, start and boot; another start or boot is another process", async () => {
  const child = spawn("sleep", ["60"]);
  await once(child, "spawn");
  const identity = identifyProcess(child.pid!);
  assert.ok(identity);
  assert.equal(isAlive(identity), true);
  assert.equal(isAlive({ ...identity, startTicks: identity.startTicks + 1 }), false);
  assert.equal(signalProcess({ ...identity, bootId: "another boot" }, "SIGKILL"), false);
  assert.equal(signalProcess(identity, "SIGTERM"), true);
  const [, signal] = await once(child, "exit");
  assert.equal(signal, "SIGTERM");
  assert.equal(isAlive(identity), false);
  assert.equal(identifyProcess(identity.pid), undefined);
  assert.equal(signalProcess(identity, "SIGTERM"), false);
});

test("how a process ended is known until its parent asks", async () => {
  const script = "sleep 60 & (read line; exit 3) <&0 & echo $! $(jobs -p); exec -a parent sleep 60";
  const parent = spawn("bash", ["-c", script], { stdio: ["pipe", "pipe", "ignore"] });
  const [chunk] = await once(parent.stdout, "data");
  const [reader = 0, sleeper = 0] = String(chunk).split(/\s+/).map(Number);
  const [ending, killed] = [identifyProcess(reader), identifyProcess(sleeper)];
  assert.ok(ending && killed);
  assert.deepEqual([exitOf(ending), exitOf(killed)], [undefined, undefined]);
  parent.stdin.write("line\n");
  signalProcess(killed, "SIGKILL");
  // Dead a moment before it is a zombie, which tells.
  while (!exitOf(ending) || !exitOf(killed)) await new Promise(setImmediate);
  assert.deepEqual([isAlive(ending), isAlive(killed)], [false, false]);
  assert.deepEqual(
    [exitOf(ending), exitOf(killed)],
    [
      { kind: "exited", code: 3 },
      { kind: "killed", signal: 9 },
    ],
  );
  assert.equal(exitOf({ ...killed, startTicks: killed.startTicks + 1 }), undefined);
  parent.kill("SIGKILL");
  await once(parent, "exit");
});

test("a zombie is not alive, and a name with spaces and parentheses does not confuse the reader", async () => {
  // The outer shell never waits for its child, so the child stays a zombie.
  const parent = spawn("bash", ["-c", "(exit 0) & echo $!; exec -a 'a) Z 0 (' sleep 60"], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  const [chunk] = await once(parent.stdout, "data");
  const zombie = Number(String(chunk));
  const deadline = Date.now() + 5_000;
  while (identifyProcess(zombie) && Date.now() < deadline) await new Promise(setImmediate);
  assert.equal(identifyProcess(zombie), undefined);
  assert.ok(identifyProcess(parent.pid!));
  parent.kill("SIGKILL");
  await once(parent, "exit");
});
