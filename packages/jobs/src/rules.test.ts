import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { dependenciesOf, readiness, type Standing } from "./graph.ts";
import { afterRun } from "./restart.ts";

interface Cases {
  readonly readiness: readonly {
    readonly needs: readonly string[];
    readonly wait_for: readonly string[];
    readonly others: Readonly<Record<string, Standing>>;
    readonly is: unknown;
  }[];
  readonly after_run: readonly {
    readonly restart: Parameters<typeof afterRun>[1];
    readonly exit_code: number;
    readonly ran_ms: number;
    readonly attempt: number;
    readonly is: Readonly<Record<string, unknown>>;
  }[];
}

const text = readFileSync(new URL("rules.cases.json", import.meta.url), "utf8");
/** What is `null` there is absent. */
const withoutNulls = (_key: string, value: unknown) => (value === null ? undefined : value);

test("when a pending job may start (rules.cases.json)", () => {
  const cases: Cases = JSON.parse(text);
  for (const { needs, wait_for, others, is } of cases.readiness)
    assert.deepEqual(
      readiness("x", dependenciesOf({ needs, wait_for }), (name) => others[name]),
      is,
    );
});

for (const [limits, cases] of [
  ["null", JSON.parse(text)],
  ["absent", JSON.parse(text, withoutNulls)],
] as readonly [string, Cases][]) {
  test(`what follows the end of a run, limits that are not set being ${limits} (rules.cases.json)`, () => {
    for (const { restart, exit_code: code, ran_ms, attempt, is } of cases.after_run) {
      const outcome = { kind: "exited", code, message: "" } as const;
      // In the middle of the spread that keeps nodes apart.
      const decision = afterRun("x", restart, outcome, ran_ms, { attempt, losses: 0 }, 0.5);
      assert.deepEqual(decision, { ...decision, ...is });
    }
  });
}
