import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { statOf } from "../process/identity.ts";
import { until } from "../testbed/agent.ts";
import { Shell } from "./run-sh.ts";

const block = (ms: number): unknown => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);

test("output that came in time is taken although babel was too busy to read it", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "babel-shell-"));
  t.after(() => rm(folder, { recursive: true }));
  const file = (name: string) => join(folder, name);
  const late = `until [ -e ${file("go")} ]; do sleep 0.01; done; echo late; touch ${file("done")}; exec sleep 1000`;
  const shell = new Shell({ busybox: "/bin/busybox", shim: "", shell: "/bin/sh" }, "/");
  const request = {
    body: `(${late}) & echo $! > ${file("child")}; echo $$ > ${file("pid")}; echo early`,
    env: { PATH: process.env["PATH"] ?? "" },
  };
  const answer = shell.run(request, new AbortController().signal);
  const pidIn = (name: string) => Number(readFileSync(file(name), "latin1"));
  // Its end has been noticed: it is collected.
  await until(
    () => existsSync(file("pid")) && pidIn("pid") > 0 && statOf(pidIn("pid")) === undefined,
    "the shell ends",
  );
  // Timers come next in Node's loop after this, then what can be read.
  await new Promise((resolve) => void setImmediate(resolve));
  writeFileSync(file("go"), "");
  while (!existsSync(file("done"))) block(10);
  block(300);
  const { stdout } = await answer;
  process.kill(pidIn("child"));
  assert.equal(stdout, "early\nlate\n");
});
