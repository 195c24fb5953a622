import assert from "node:assert/strict";
import { test } from "node:test";
import { compareVersions, nextPatch } from "./semantic-version.ts";

test("versions are in the order of semver 2.0 §11", () => {
  const ordered = [
    "1.0.0-alpha",
    "1.0.0-alpha.1",
    "1.0.0-alpha.beta",
    "1.0.0-beta.2",
    "1.0.0-beta.11",
    "1.0.0-rc.1",
    "1.0.0",
    "1.0.10",
    "1.2.0",
    "10.0.0",
  ];
  assert.deepEqual(ordered.toReversed().sort(compareVersions), ordered);
  assert.equal(compareVersions("1.0.0+a", "1.0.0+b"), 0);
});

test("the next version for a fix", () => {
  assert.deepEqual(["1.2.3", "1.2.3-rc.1", "0.0.9+x"].map(nextPatch), ["1.2.4", "1.2.3", "0.0.10"]);
});
