import assert from "node:assert/strict";
import { test } from "node:test";
import { ErrorDetailSchema, type ReadJobLogsRequest } from "@blockvisor/wire/blockvisor/babel/v1/babel";
import { StreamJobLogsRequestSchema } from "@blockvisor/wire/blockvisor/host/v1/host";
import { create } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { openAgentLink } from "../agent/agent-link.ts";
import { standInBabel } from "../testbed/stand-in-babel.ts";
import { jobLogLines } from "./job-logs.ts";

for (const follow of [false, true]) {
  test(`a job that is deleted while all are ${follow ? "followed" : "shown"} takes only its own lines along`, async (t) => {
    const { runDirectory, listen } = await standInBabel(t);
    const line = (text: string, offset: bigint) => ({ at: { run: 1n, offset }, text: Buffer.from(text) });
    await listen(
      {},
      {
        listJobs: () => ({ jobs: [{ name: "gone" }, { name: "node" }] }),
        watchJobs: async function* () {
          yield {};
        },
        readJobLogs: async function* ({ names: [name = ""] }: ReadJobLogsRequest) {
          if (name === "gone") {
            const detail = { code: "job-not-found", message: "no logs, job 'gone' not found", hint: "" };
            const details = [{ desc: ErrorDetailSchema, value: detail }];
            throw new ConnectError(detail.message, Code.NotFound, undefined, details);
          }
          for (const offset of [0n, 1n]) yield { name, lines: [line(`line ${offset}`, offset)] };
        },
      },
    );
    const end = new AbortController();
    const link = openAgentLink(runDirectory, () => undefined);
    const request = (job: string) => create(StreamJobLogsRequestSchema, { node: "n", job, follow });
    const seen: string[] = [];
    for await (const { job, text } of jobLogLines(link, request(""), end.signal)) {
      seen.push(`${job}: ${text}`);
      if (seen.length === 2) break;
    }
    end.abort();
    assert.deepEqual(seen, ["node: line 0", "node: line 1"]);
    const alone = jobLogLines(link, request("gone"), new AbortController().signal);
    await assert.rejects(alone.next(), { code: "job_not_found" });
  });
}

test("of jobs that something in babel's place makes up no more are followed than a babel may have", async (t) => {
  const { runDirectory, listen } = await standInBabel(t);
  const names = ["x".repeat(1_000), ...Array.from({ length: 300 }, (_, index) => `job-${index}`)];
  const asked = new Set<string>();
  await listen(
    {},
    {
      listJobs: () => ({ jobs: names.map((name) => ({ name })) }),
      watchJobs: async function* (_, { signal }) {
        await new Promise((resolve) => signal.addEventListener("abort", resolve));
        yield {};
      },
      readJobLogs: async function* ({ names: [name = ""] }: ReadJobLogsRequest, { signal }) {
        asked.add(name);
        if (name === "job-255") yield { name, lines: [{ at: { run: 1n, offset: 0n }, text: Buffer.from("last") }] };
        else await new Promise((resolve) => signal.addEventListener("abort", resolve));
      },
    },
  );
  const request = create(StreamJobLogsRequestSchema, { node: "n", follow: true });
  const end = new AbortController();
  for await (const { job, text } of jobLogLines(
    openAgentLink(runDirectory, () => undefined),
    request,
    end.signal,
  )) {
    assert.deepEqual([job, text], ["job-255", "last"]);
    break;
  }
  end.abort();
  assert.deepEqual([...asked], names.slice(1, 257));
});
