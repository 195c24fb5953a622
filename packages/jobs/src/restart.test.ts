import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { afterRun, blocksUpgrade, NO_ATTEMPTS, type Outcome } from "./restart.ts";

const exited = (code: number): Outcome => ({ kind: "exited", code, message: "" });
const backoff = { backoff_timeout_ms: 60_000, backoff_base_ms: 1_000 };

function waits(
  policy: Parameters<typeof afterRun>[1],
  outcome: Outcome,
  runs: number,
  random = 0.5,
): readonly (number | string)[] {
  let attempts = NO_ATTEMPTS;
  return Array.from({ length: runs }, () => {
    const decision = afterRun("j", policy, outcome, 5, attempts, random);
    if (decision.kind === "finish") return `${decision.exitCode}: ${decision.message}`;
    attempts = decision;
    return decision.waitMs;
  });
}

test("never: finishes at once, quietly after success", () => {
  assert.deepEqual(waits("never", exited(0), 1), ["0: "]);
  assert.deepEqual(waits("never", exited(3), 1), ["3: Job 'j' exited with code 3"]);
  const killed: Outcome = { kind: "killed", signal: "SIGKILL", outOfMemory: true };
  assert.deepEqual(waits("never", killed, 1), ["null: Job 'j' killed by signal SIGKILL: out of memory"]);
});

test("on_failure: base × 2^n, until the retries are used up (T-04)", () => {
  const policy = { on_failure: { ...backoff, backoff_base_ms: 100, max_retries: 3 } };
  assert.deepEqual(waits(policy, exited(1), 4), [100, 200, 400, "1: Job 'j' exited with code 1"]);
  assert.deepEqual(waits(policy, exited(0), 1), ["0: "]);
});

test("always: also after success; the wait is capped and then varies by 10 %", () => {
  const always = { always: backoff };
  assert.deepEqual(waits(always, exited(0), 3), [1000, 2000, 4000]);
  assert.equal(waits(always, exited(1), 80).at(-1), 300_000);
  assert.equal(waits(always, exited(1), 80, 0).at(-1), 270_000);
  assert.equal(waits({ always: { ...backoff, backoff_max_ms: 3_000 } }, exited(1), 3).at(-1), 3_000);
});

test("what would fail again in the same way is not run again, whatever the policy", () => {
  const final: Outcome = { kind: "exited", code: -1, message: "there is no such archive", final: true };
  const told = ["-1: job 'j' failed with: there is no such archive"];
  assert.deepEqual(waits({ on_failure: backoff }, final, 1), told);
  assert.deepEqual(waits({ always: backoff }, final, 1), told);
  assert.equal(afterRun("j", { always: backoff }, final, 60_001, NO_ATTEMPTS, 0).kind, "finish");
});

test("a run that lasted longer than backoff_timeout_ms resets the counter and restarts immediately (T-05)", () => {
  const attempts = { attempt: 7, losses: 2 };
  assert.deepEqual(afterRun("j", { always: backoff }, exited(1), 60_001, attempts, 0), {
    kind: "restart",
    waitMs: 0,
    attempt: 0,
    losses: 0,
  });
  assert.equal(
    afterRun("j", { on_failure: { ...backoff, max_retries: 0 } }, exited(1), 60_001, attempts, 0).kind,
    "restart",
  );
});

test("lost runs wait 1 s × 2^n up to a minute, and give up after ten in a row", () => {
  const lost: Outcome = { kind: "lost", reason: "gone" };
  assert.deepEqual(waits({ always: backoff }, lost, 10), [
    ...[1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000, 60000],
    "null: Job 'j' was lost 10 times in a row: gone",
  ]);
  assert.deepEqual(waits("never", lost, 1), ["null: Job 'j' was lost: gone"]);
});

test("with R retries and quick failures, the payload runs R+1 times", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 1, max: 255 }), (max_retries, code) => {
      const decisions = waits({ on_failure: { ...backoff, max_retries } }, exited(code), max_retries + 1);
      assert.equal(decisions.filter((each) => typeof each === "number").length, max_retries);
      assert.equal(typeof decisions.at(-1), "string");
    }),
  );
});

test("a limit that is absent and one that is null are the same: none", () => {
  const nulls = { ...backoff, max_retries: null, backoff_max_ms: null };
  assert.deepEqual(waits({ on_failure: nulls }, exited(1), 80), waits({ on_failure: backoff }, exited(1), 80));
});

test("an upgrade waits for jobs that will end by themselves", () => {
  assert.equal(blocksUpgrade("never"), true);
  assert.equal(blocksUpgrade({ on_failure: { ...backoff, max_retries: 0 } }), true);
  for (const max_retries of [null, undefined]) {
    const limits = max_retries === undefined ? backoff : { ...backoff, max_retries };
    assert.equal(blocksUpgrade({ on_failure: limits }), false);
    assert.equal(blocksUpgrade({ always: limits }), false);
  }
});
