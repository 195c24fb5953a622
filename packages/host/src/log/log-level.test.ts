import assert from "node:assert/strict";
import { test } from "node:test";
import { logLevelOf } from "./log-level.ts";

test("the level is what BV_LOG says, else what RUST_LOG says, and never nonsense", () => {
  const levels: readonly (readonly [Readonly<Record<string, string>>, string])[] = [
    [{}, "info"],
    [{ BV_LOG: "debug" }, "debug"],
    [{ BV_LOG: "WARN", RUST_LOG: "trace" }, "warn"],
    [{ BV_LOG: "loud" }, "info"],
    [{ BV_LOG: "", RUST_LOG: "error" }, "error"],
    [{ RUST_LOG: "bv=trace,warn,babel=debug" }, "warn"],
    [{ RUST_LOG: "bv=warn, babel=debug" }, "debug"],
    [{ RUST_LOG: "bv" }, "info"],
  ];
  for (const [env, level] of levels) assert.equal(logLevelOf(env), level, JSON.stringify(env));
});
