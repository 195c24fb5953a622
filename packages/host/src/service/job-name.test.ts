import assert from "node:assert/strict";
import { test } from "node:test";
import { openAgentLink } from "../agent/agent-link.ts";
import { standInBabel } from "../testbed/stand-in-babel.ts";
import { jobNamed } from "./job-name.ts";

const shell = (name: string, initializesProtocolData?: string) => ({
  name,
  config: {
    jobType: { kind: { case: "runSh" as const, value: "true" } },
    ...(initializesProtocolData === undefined ? {} : { initializesProtocolData }),
  },
});

test("a cold init is found by its own name, unless another job has it (spec plugin-api §3)", async (t) => {
  const { runDirectory, listen } = await standInBabel(t);
  let jobs = [shell("ledger"), shell("download", "cold-init")];
  await listen({}, { listJobs: () => ({ jobs }) });
  const link = openAgentLink(runDirectory, () => "secret");
  assert.deepEqual(await Promise.all(["cold_init", "ledger"].map((name) => jobNamed(link, name))), [
    "download",
    "ledger",
  ]);
  jobs = [shell("cold_init"), shell("download", "cold-init")];
  assert.equal(await jobNamed(link, "cold_init"), "cold_init");
  jobs = [shell("download", "alternative-download")];
  assert.equal(await jobNamed(link, "cold_init"), "cold_init");
});
