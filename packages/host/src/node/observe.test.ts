import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import { identifyProcess } from "../runtime/process-identity.ts";
import type { NodeParts } from "./node-host.ts";
import { sampleState } from "./node-state.sample.ts";
import { observe } from "./observe.ts";

test("a container that dies while its babel is asked is seen as what it is, not as one whose babel is lost", async () => {
  const init = spawn("sleep", ["60"], { stdio: "ignore" });
  await once(init, "spawn");
  const identity = identifyProcess(init.pid ?? 0);
  const parts = {
    host: {
      config: { runtime: { host_network: false }, recovery: { agentTimeoutMs: 1_000 } },
      runtime: { state: async () => ({ kind: "running", init: identity }) },
      rootfs: { mounted: async () => undefined },
      network: { inspect: async () => undefined },
    },
    paths: { directory: "/none", link: "/none", run: "/none" },
    link: {
      call: async () => {
        init.kill("SIGKILL");
        await once(init, "exit");
        throw new Error("babel went away");
      },
    },
  } as unknown as NodeParts;
  const { container, agent } = await observe(parts, sampleState());
  assert.deepEqual([container, agent], ["off", "off"]);
});
