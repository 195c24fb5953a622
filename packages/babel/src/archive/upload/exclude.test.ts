import assert from "node:assert/strict";
import { test } from "node:test";
import { compileExclusion } from "./exclude.ts";

test("patterns match whole paths as the reference's do", () => {
  const table: readonly (readonly [pattern: string, path: string, matches: boolean])[] = [
    ["jwt.txt", "jwt.txt", true],
    ["jwt.txt", "geth/jwt.txt", false],
    ["caddy/**", "caddy/a/b", true],
    ["caddy/**", "caddy", false],
    ["**/*.log*", "a.log", true],
    ["**/*.log*", "x/y/a.log.1", true],
    ["**/*.log*", "x/log", false],
    ["*LOCK", "db/a/LOCK", true],
    ["*LOCK", "LOCKED", false],
    ["a*c", "a/b/c", true],
    ["**/x", "x", true],
    ["**/x", "a/b/x", true],
    ["**/x", "ax", false],
    ["a/**/b", "a/b", true],
    ["a/**/b", "a/x/y/b", true],
    ["a/**/b", "a/xb", false],
    ["a/**/*b*/c", "a/1/2/xbx/c", true],
    ["**/**/x", "a/x", true],
    ["**/*", "anything/at/all", true],
    ["?.db", "é.db", true],
    ["?.db", "ab.db", false],
    ["[a-c]1", "b1", true],
    ["[a-c]1", "d1", false],
    ["[!a-c]1", "d1", true],
    ["[]x]1", "]1", true],
    ["[a-]1", "-1", true],
    ["*.DB", "a.db", false],
    [".hidden", ".hidden", true],
    ["*", ".hidden", true],
    ["tellor/config/**", "tellor/config/x.json", true],
    ["", "a", false],
  ];
  for (const [pattern, path, expected] of table) {
    assert.equal(compileExclusion([pattern])(path), expected, `${pattern} on ${path}`);
  }
  assert.equal(compileExclusion([])("a"), false);
  assert.equal(compileExclusion(["x", "*.b"])("a.b"), true);
  const slow = `${"*a".repeat(40)}b`;
  assert.equal(compileExclusion([slow])("a".repeat(4000)), false);
});

test("an invalid pattern is named with the position of its fault", () => {
  const table: readonly (readonly [pattern: string, position: number, reason: string])[] = [
    ["a[b", 1, "invalid range pattern"],
    ["[]", 0, "invalid range pattern"],
    ["[!]", 0, "invalid range pattern"],
    ["x/***", 4, "wildcards are either regular `*` or recursive `**`"],
    ["a**", 0, "recursive wildcards must form a single path component"],
    ["a/**b", 4, "recursive wildcards must form a single path component"],
  ];
  for (const [pattern, position, reason] of table) {
    assert.throws(() => compileExclusion(["ok", pattern]), {
      code: "exclude-invalid",
      message: `exclude pattern ${JSON.stringify(pattern)}: Pattern syntax error near position ${position}: ${reason}`,
    });
  }
});
