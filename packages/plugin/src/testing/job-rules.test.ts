import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import type { JobConfig } from "../engine/job.ts";
import { afterRun, readiness, type Standing } from "./job-rules.ts";

interface Cases {
  readonly readiness: readonly {
    readonly needs: readonly string[];
    readonly wait_for: readonly string[];
    readonly others: Readonly<Record<string, Standing>>;
    readonly is: unknown;
  }[];
  readonly after_run: readonly {
    readonly restart: JobConfig["restart"];
    readonly exit_code: number;
    readonly ran_ms: number;
    readonly attempt: number;
    readonly is: unknown;
  }[];
}

const cases: Cases = JSON.parse(
  readFileSync(new URL("../../../../conformance/job-rules.json", import.meta.url), "utf8"),
);

test("jobs of a test follow the agent's rules (conformance/job-rules.json)", () => {
  for (const { needs, wait_for, others, is } of cases.readiness)
    assert.deepEqual(
      readiness("x", { needs, wait_for }, (name) => others[name]),
      is,
    );
  for (const { restart, exit_code, ran_ms, attempt, is } of cases.after_run)
    assert.deepEqual(afterRun("x", { restart }, exit_code, ran_ms, attempt), is);
});
