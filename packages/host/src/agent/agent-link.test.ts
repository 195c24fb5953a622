import assert from "node:assert/strict";
import { test } from "node:test";
import { Code } from "@connectrpc/connect";
import { standInBabel } from "../testbed/stand-in-babel.ts";
import { openAgentLink } from "./agent-link.ts";

test("answers that are sent as little, and would be a great many objects, are refused before they are any", async (t) => {
  const { runDirectory, listen } = await standInBabel(t);
  const empty = (length: number) => Array.from({ length }, () => ({}));
  await listen(
    { runRest: () => ({ statusCode: 200, headers: empty(1_500_000) }) },
    {
      listJobs: () => ({ jobs: empty(150_000) }),
      readJobLogs: async function* () {
        yield { lines: empty(1_000_000) };
      },
    },
  );
  const link = openAgentLink(runDirectory, () => "secret");
  const refusal = {
    code: Code.ResourceExhausted,
    rawMessage: /^a message is too large: it has so many parts that it takes too much memory, \d+ are allowed$/,
  };
  await assert.rejects(link.jobs.listJobs({}), refusal);
  await assert.rejects(link.babel.runRest({ url: "http://localhost" }), refusal);
  await assert.rejects(async () => {
    for await (const _ of link.jobs.readJobLogs({}));
  }, refusal);
});

test("the largest answers of babel are not too large", async (t) => {
  const { runDirectory, listen } = await standInBabel(t);
  const now = { seconds: 1_800_000_000n, nanos: 999_000_000 };
  // 256 KiB of a log that are newlines (babel's logs/stream.ts), and as many jobs as there may be.
  const line = { at: { run: 1000n, offset: 1n << 40n }, text: new Uint8Array(), time: now };
  const lines = Array.from({ length: 256 * 1024 }, () => line);
  const job = {
    name: "job",
    timestamp: now,
    logs: Array.from({ length: 1023 }, () => "2026-11-23 10:00:00| restarted"),
    config: { jobType: { kind: { case: "runSh" as const, value: "x".repeat(64 * 1024) } }, needs: Array(64).fill("y") },
    run: { number: 1n, startedAt: now, endedAt: now },
  };
  await listen(
    { runSh: () => ({ stdout: "\ufffd".repeat(4 << 20), stderr: "\ufffd".repeat(4 << 20) }) },
    {
      listJobs: () => ({ jobs: Array.from({ length: 64 }, () => job) }),
      readJobLogs: async function* () {
        yield { lines };
      },
    },
  );
  const link = openAgentLink(runDirectory, () => "secret");
  assert.equal((await link.jobs.listJobs({})).jobs.length, 64);
  assert.equal((await link.babel.runSh({ body: "" })).stdout.length, 4 << 20);
  for await (const batch of link.jobs.readJobLogs({})) assert.equal(batch.lines.length, lines.length);
});
