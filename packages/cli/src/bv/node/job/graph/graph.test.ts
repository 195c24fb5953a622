import assert from "node:assert/strict";
import { test } from "node:test";
import { jobView } from "../../../../daemon/job-view.ts";
import { graphMermaid } from "./mermaid.ts";
import { edgesOf, type GraphJob, stagesOf } from "./stages.ts";
import { graphText } from "./text.ts";

const plain = (_: string, text: string): string => text;
const job = (message: Parameters<typeof jobView>[0], defined = true): GraphJob => ({ ...jobView(message), defined });

/** Dependencies before dependents, as the daemon sends them. */
const jobs: readonly GraphJob[] = [
  job({ name: "caddy", state: "JOB_STATE_RUNNING" }),
  job({ name: "init-jwt", state: "JOB_STATE_FINISHED", exitCode: 0 }),
  job({
    name: "download",
    state: "JOB_STATE_RUNNING",
    needs: ["init-jwt"],
    progress: { total: 28, current: 12, message: "chunks", rate: 0.5, etaSeconds: 32 },
  }),
  job({ name: "gone" }, false),
  job({
    name: "reth",
    state: "JOB_STATE_PENDING",
    waitingFor: ["download"],
    needs: ["download"],
    waitFor: ["caddy", "gone"],
  }),
  job({ name: "indexer", state: "JOB_STATE_FINISHED", exitCode: 3, message: "why", needs: ["reth", "init-jwt"] }),
  job({ name: "idle", state: "JOB_STATE_STOPPED" }),
];

test("a graph as text: stages, states, and what each comes after", () => {
  assert.equal(
    graphText(stagesOf(jobs), plain),
    [
      "1  ▶ caddy     Running",
      "   ✔ init-jwt  Finished with exit code 0",
      "   ? gone      not defined",
      "   ■ idle      Stopped",
      "",
      "2  ▶ download  Running, 42.86% (12/28 chunks), 0.5/s, ETA 00:00:32  needs init-jwt",
      "",
      `3  ◌ reth      Pending (waiting for: [download])${" ".repeat(20)}needs download; waits for caddy, gone`,
      "",
      `4  ✘ indexer   Finished with exit code 3 and message \`why\`${" ".repeat(10)}needs reth, init-jwt`,
    ].join("\n"),
  );
});

test("a cycle has an order, too", () => {
  const cycle = [
    job({ name: "a", state: "JOB_STATE_STOPPED", needs: ["b"] }),
    job({ name: "b", state: "JOB_STATE_STOPPED", needs: ["a"] }),
  ];
  assert.deepEqual(
    stagesOf(cycle).map((stage) => stage.map(({ name }) => name)),
    [["a"], ["b"]],
  );
});

test("a graph as Mermaid: names are quoted, hard needs are solid, waiting is dotted", () => {
  const odd = [job({ name: 'x"]; click', state: "JOB_STATE_FINISHED" }), ...jobs.slice(0, 3), ...jobs.slice(3, 5)];
  const text = graphMermaid(odd);
  assert.deepEqual(text.split("\n").slice(0, 11), [
    "flowchart LR",
    '  j0["x#34;#93;#59; click<br/>failed"]:::failed',
    '  j1["caddy<br/>running"]:::running',
    '  j2["init-jwt<br/>finished"]:::done',
    '  j3["download<br/>running 43 %"]:::running',
    '  j4["gone<br/>not defined"]:::failed',
    '  j5["reth<br/>pending"]:::pending',
    "  j2 --> j3",
    "  j3 --> j5",
    "  j1 -.-> j5",
    "  j4 -.-> j5",
  ]);
});

test("edges for programs", () => {
  assert.deepEqual(edgesOf(jobs.slice(4, 5)), [
    { job: "reth", depends_on: "download", kind: "needs" },
    { job: "reth", depends_on: "caddy", kind: "wait_for" },
    { job: "reth", depends_on: "gone", kind: "wait_for" },
  ]);
});
