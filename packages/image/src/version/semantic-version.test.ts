import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { compareVersions, nextPatch, parseVersion } from "./semantic-version.ts";

/** The order of semver.org §11, lower-cased as the server stores versions. */
const ascending = [
  "1.0.0-alpha",
  "1.0.0-alpha.1",
  "1.0.0-alpha.beta",
  "1.0.0-beta",
  "1.0.0-beta.2",
  "1.0.0-beta.11",
  "1.0.0-rc.1",
  "1.0.0",
  "1.0.1",
  "1.2.0",
  "1.10.0",
  "2.0.0",
];

test("orders versions as the standard does", () => {
  const shuffled = [...ascending].reverse();
  assert.deepEqual(shuffled.sort(compareVersions), ascending);
  assert.equal(compareVersions("1.0.0+a", "1.0.0+b"), 0);
});

test("knows what is not a version", () => {
  for (const text of [
    "",
    "1",
    "1.2",
    "v1.2.3",
    "1.2.3.4",
    "01.2.3",
    "1.2.3-",
    "1.2.3-01",
    "1.2.3-A",
    "../1.2.3",
    "1.2.3/..",
    `1.2.${"9".repeat(30)}`,
  ]) {
    assert.equal(parseVersion(text), undefined, text);
  }
});

test("is a total order", () => {
  const number = fc.nat({ max: 20 });
  const version = fc
    .tuple(
      number,
      number,
      number,
      fc.array(fc.oneof(number.map(String), fc.stringMatching(/^[a-z][a-z0-9-]{0,3}$/)), { maxLength: 3 }),
    )
    .map(([major, minor, patch, pre]) => `${major}.${minor}.${patch}${pre.length > 0 ? `-${pre.join(".")}` : ""}`);
  fc.assert(
    fc.property(version, version, version, (a, b, c) => {
      assert.equal(Math.sign(compareVersions(a, b)), -Math.sign(compareVersions(b, a)) || 0);
      if (compareVersions(a, b) <= 0 && compareVersions(b, c) <= 0) assert.ok(compareVersions(a, c) <= 0);
    }),
  );
});

test("the next version for a fix", () => {
  assert.deepEqual(["1.2.3", "1.2.3-rc.1", "0.0.9+x"].map(nextPatch), ["1.2.4", "1.2.3", "0.0.10"]);
});
