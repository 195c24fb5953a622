import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import type { RestartPolicy } from "./config.ts";
import { dependenciesOf, readiness, type Standing } from "./graph.ts";
import { afterRun } from "./policy.ts";

interface Cases {
  readonly readiness: readonly {
    readonly needs: readonly string[];
    readonly wait_for: readonly string[];
    readonly others: Readonly<Record<string, Standing>>;
    readonly is: unknown;
  }[];
  readonly after_run: readonly {
    readonly restart: RestartPolicy;
    readonly exit_code: number;
    readonly ran_ms: number;
    readonly attempt: number;
    readonly is: Readonly<Record<string, unknown>>;
  }[];
}

/** What is `null` there is left out here. */
const withoutNulls = (_key: string, value: unknown) => (value === null ? undefined : value);

const text = readFileSync(new URL("../../../../conformance/job-rules.json", import.meta.url), "utf8");
const cases: Cases = JSON.parse(text);
const policies: Cases = JSON.parse(text, withoutNulls);

test("jobs follow the rules that tests of plugins count on (conformance/job-rules.json)", () => {
  for (const { needs, wait_for, others, is } of cases.readiness) {
    const dependencies = dependenciesOf({ job_type: { run_sh: "x" }, restart: "never", needs, wait_for });
    assert.deepEqual(
      readiness("x", dependencies, (name) => others[name]),
      is,
    );
  }
  for (const { restart, exit_code: code, ran_ms, attempt, is } of policies.after_run) {
    const outcome = { kind: "exited", code, message: "" } as const;
    // In the middle of the spread that keeps nodes apart.
    const decision = afterRun("x", restart, outcome, ran_ms, { attempt, losses: 0 }, 0.5);
    assert.deepEqual(decision, { ...decision, ...is });
  }
});
