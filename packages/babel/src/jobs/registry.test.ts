import assert from "node:assert/strict";
import { rm } from "node:fs/promises";
import { test } from "node:test";
import { isDeepStrictEqual } from "node:util";
import { defectOf, dependenciesOf, dependentsAmong } from "@blockvisor/jobs";
import fc from "fast-check";
import { openRegistry, reaches } from "../testbed/registry.ts";
import type { JobConfig } from "./config.ts";
import type { Registry } from "./registry.ts";

const NAMES = ["a", "b", "c", "d", "e"] as const;
/** `flaps`: it fails, and would be run again in a minute. */
type Behaviour = "succeeds" | "fails" | "stays" | "flaps";
const SCRIPTS: Readonly<Record<Behaviour, string>> = {
  succeeds: "exit 0",
  fails: "exit 1",
  stays: "exec sleep 1000",
  flaps: "exit 1",
};
const AGAIN: JobConfig["restart"] = { always: { backoff_timeout_ms: 60_000, backoff_base_ms: 60_000 } };

type Names = fc.Arbitrary<readonly string[]>;
const settings = (needs: Names, waitFor: Names) =>
  fc.record({ behaviour: fc.constantFrom<Behaviour>("succeeds", "fails", "stays", "flaps"), needs, waitFor });
const earlier = (index: number): Names => fc.subarray(NAMES.slice(0, index));
/** Now and then any, or one that nobody defined. */
const any = (index: number): Names =>
  fc.oneof({ weight: 9, arbitrary: earlier(index) }, { weight: 1, arbitrary: fc.subarray([...NAMES, "nobody"]) });

/** Jobs that depend on earlier names only. */
const soundSets = fc.tuple(...NAMES.map((_name, index) => settings(earlier(index), earlier(index))));
const jobSets = fc.tuple(...NAMES.map((_name, index) => settings(any(index), any(index))));

const configOf = ({ behaviour, needs, waitFor }: Setting): JobConfig => ({
  job_type: { run_sh: SCRIPTS[behaviour] },
  restart: behaviour === "flaps" ? AGAIN : "never",
  needs,
  wait_for: waitFor,
  shutdown_timeout_secs: 5,
});
const commands = fc.array(
  fc.oneof(
    fc.record({ verb: fc.constantFrom("start" as const), name: fc.constantFrom(...NAMES), wait: fc.boolean() }),
    fc.record({ verb: fc.constantFrom("start" as const), name: fc.constantFrom(...NAMES), wait: fc.constant(false) }),
    fc.record({
      verb: fc.constantFrom("stop" as const, "skip" as const),
      name: fc.constantFrom(...NAMES),
      wait: fc.boolean(),
    }),
  ),
  { minLength: 3, maxLength: 14 },
);

test("model: no start before its needs, stops in reverse order, and every state can be stopped", async () => {
  await fc.assert(
    fc.asyncProperty(jobSets, commands, async (set, sequence) => {
      const { registry, root, reports } = await openRegistry();
      try {
        for (const [index, name] of NAMES.entries()) await registry.create(name, configOf(set[index]!));
        const violations: string[] = [];
        const unsubscribe = watchStarts(registry, violations);
        const results = sequence.map(async ({ verb, name }) => {
          if (verb === "start") await startOrRefusal(registry, name);
          else await registry.stop(name, verb);
        });
        for (const [index, { wait }] of sequence.entries()) if (wait) await results[index];
        await Promise.all(results);
        unsubscribe();
        assert.deepEqual(violations, []);

        const ended: string[] = [];
        const running = registry
          .list()
          .filter((job) => job.record.state.kind === "running")
          .map((job) => job.name);
        const before = dependentsAmong(running, registry.edges);
        const forget = registry.subscribe(({ changed }) => {
          for (const name of changed) {
            if (running.includes(name) && !registry.get(name).active && !ended.includes(name)) ended.push(name);
          }
        });
        await registry.stopAll();
        forget();
        for (const [name, dependents] of before) {
          for (const dependent of dependents) {
            // A job may end by itself at any time; what stays is what was stopped.
            if (stays(set, name)) assert.ok(ended.indexOf(dependent) < ended.indexOf(name), ended.join());
          }
        }
        assert.deepEqual(
          registry.list().filter((job) => job.active),
          [],
        );
        assert.deepEqual(reports, []);
      } finally {
        await registry.retain([]);
        await rm(root, { recursive: true, force: true });
      }
    }),
    { numRuns: Number(process.env["BABEL_MODEL_RUNS"] ?? 15) },
  );
});

test("a failed job that others need is started again until it succeeds; one that runs only once is not", async () => {
  const { registry, root, reports } = await openRegistry({ neededRetryMs: 1 });
  try {
    const job = (script: string, more: Partial<JobConfig> = {}): JobConfig => ({
      job_type: { run_sh: script },
      restart: "never",
      ...more,
    });
    await registry.create("needed", job(`echo >> ${root}/count; [ $(wc -l < ${root}/count) = 3 ]`));
    await registry.create("service", job("exec sleep 1000", { needs: ["needed"] }));
    await registry.create("once", job("exit 1", { one_time: true }));
    await registry.create("waits", job("true", { needs: ["once"] }));
    await registry.create("alone", job("exit 1"));
    for (const name of ["needed", "service", "once", "waits", "alone"]) await registry.start(name);
    await reaches(registry, "service", "running");
    assert.deepEqual(
      ["needed", "once", "alone"].map((name) => registry.get(name).record.runs),
      [3, 1, 1],
    );
    assert.deepEqual(reports, []);
  } finally {
    await registry.retain([]);
    await rm(root, { recursive: true, force: true });
  }
});

type Outcome = "stopped" | "pending" | "running" | "backoff" | "finished(0)" | "finished(1)" | "finished(null)";
type Setting = {
  readonly behaviour: Behaviour;
  readonly needs: readonly string[];
  readonly waitFor: readonly string[];
};

const ENDS = {
  succeeds: "finished(0)",
  fails: "finished(1)",
  stays: "running",
  flaps: "backoff",
} as const satisfies Record<Behaviour, Outcome>;

/** What becomes of jobs that are started in the order of their dependencies, when nothing changes any more (§3.6). */
function outcomes(set: readonly Setting[], started: readonly string[]): ReadonlyMap<string, Outcome> {
  const known = new Map<string, Outcome>();
  for (const [index, name] of NAMES.entries()) {
    const { behaviour, needs, waitFor } = set[index]!;
    const is = (names: readonly string[], ...those: readonly Outcome[]) =>
      names.some((other) => those.includes(known.get(other)!));
    if (!started.includes(name)) known.set(name, "stopped");
    else if (is(needs, "stopped", "finished(1)", "finished(null)")) known.set(name, "finished(null)");
    else if (is([...needs, ...waitFor], "pending", "running", "backoff")) known.set(name, "pending");
    else known.set(name, ENDS[behaviour]);
  }
  return known;
}

/** `running`, `pending on a,b`, … */
function stateText(registry: Registry, name: string): string {
  const { state } = registry.get(name).record;
  if (state.kind === "pending") return `pending on ${state.waitingFor.join()}`;
  return state.kind === "finished" ? `finished(${state.exitCode})` : state.kind;
}

/** Only what is still open is waited for, each once. (D3-13) */
function modelText(registry: Registry, expected: ReadonlyMap<string, Outcome>, name: string): string {
  if (expected.get(name) !== "pending") return expected.get(name)!;
  const open = dependenciesOf(registry.get(name).config)
    .map((dependency) => dependency.name)
    .filter((other) => ["pending", "running", "backoff"].includes(expected.get(other)!));
  return `pending on ${[...new Set(open)].join()}`;
}

test("model: whatever is started comes to rest as the dependencies say, and every state can be stopped", async () => {
  await fc.assert(
    fc.asyncProperty(
      soundSets,
      fc.subarray([...NAMES]),
      fc.shuffledSubarray([...NAMES]),
      async (set, started, stopped) => {
        const { registry, root, reports } = await openRegistry();
        try {
          for (const [index, name] of NAMES.entries()) await registry.create(name, configOf(set[index]!));
          for (const name of started) await registry.start(name);
          const expected = outcomes(set, started);
          const states = (of: (name: string) => string) => Object.fromEntries(NAMES.map((name) => [name, of(name)]));
          const wanted = states((name) => modelText(registry, expected, name));
          const now = () => states((name) => stateText(registry, name));
          await atRest(registry, () => isDeepStrictEqual(now(), wanted));
          assert.deepEqual(now(), wanted);
          for (const name of stopped) {
            const before = registry.get(name).record.state;
            await registry.stop(name, "stop");
            const after = registry.get(name).record.state;
            // A job that waited may have been failed by the stop of another one, just before its own.
            const kept = after.kind === "finished" || (after.kind === "stopped" && before.kind !== "finished");
            assert.ok(kept, `${name} was ${before.kind}, is ${after.kind}`);
          }
          assert.deepEqual(reports, []);
        } finally {
          await registry.retain([]);
          await rm(root, { recursive: true, force: true });
        }
      },
    ),
    { numRuns: Number(process.env["BABEL_MODEL_RUNS"] ?? 15) },
  );
});

/** A job cannot be started that would wait for itself, or for nobody; any other can. */
async function startOrRefusal(registry: Registry, name: string): Promise<void> {
  const defect = defectOf(name, registry.edges);
  if (defect === undefined) await registry.start(name);
  else await assert.rejects(registry.start(name), { code: `job-dependency-${defect.kind}` });
}

/** Until what is expected is so; an expectation that never comes true is told by what follows. */
async function atRest(registry: Registry, expected: () => boolean): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const unsubscribe = registry.subscribe(() => expected() && resolve());
  const timer = setTimeout(resolve, 20_000);
  if (!expected()) await promise;
  clearTimeout(timer);
  unsubscribe();
}

const stays = (set: readonly { readonly behaviour: Behaviour }[], name: string): boolean =>
  set[(NAMES as readonly string[]).indexOf(name)]?.behaviour === "stays";

/** At the moment a job begins to run, everything it needs has finished with 0, and nothing it waits for is active. */
function watchStarts(registry: Registry, violations: string[]): () => void {
  const seen = new Map<string, number>();
  return registry.subscribe(({ changed }) => {
    for (const name of changed) {
      const job = registry.get(name);
      if (job.record.runs === (seen.get(name) ?? 0)) continue;
      seen.set(name, job.record.runs);
      for (const dependency of dependenciesOf(job.config)) {
        const standing = registry.get(dependency.name).standing();
        const met =
          dependency.kind === "needs"
            ? standing.kind === "finished" && standing.exitCode === 0
            : standing.kind !== "active";
        if (!met) violations.push(`${name} began although ${dependency.name} is ${JSON.stringify(standing)}`);
      }
      if (defectOf(name, registry.edges) !== undefined) violations.push(`${name} began with a defect`);
    }
  });
}
