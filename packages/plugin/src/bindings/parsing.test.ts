import assert from "node:assert/strict";
import { test } from "node:test";
import { parseHex } from "./hex.ts";
import { sanitizeShParam, shellQuote } from "./shell-quote.ts";
import { parseRfc2822, parseRfc3339, parseTime } from "./time.ts";

test("hex", () => {
  for (const [text, value] of [
    ["0xa1", 161],
    ["a1", 161],
    ["-1f", -31],
    ["0x-1", -1],
    ["+f", 15],
    ["7fffffffffffffff", 2n ** 63n - 1n],
  ] as const) {
    assert.equal(parseHex(text), value, text);
  }
  for (const [text, message] of [
    ["0xffffffffffffffff", "number too large to fit in target type"],
    ["xyz", "invalid digit found in string"],
    ["-0x1", "invalid digit found in string"],
    ["0X1", "invalid digit found in string"],
    ["-", "invalid digit found in string"],
    ["", "cannot parse integer from empty string"],
    ["0x", "cannot parse integer from empty string"],
  ] as const) {
    assert.throws(() => parseHex(text), { message }, text);
  }
});

test("times (§12 17)", () => {
  assert.equal(parseRfc3339("1985-04-12T23:20:50.52Z"), 482196050);
  assert.equal(parseRfc3339("1996-12-19T16:39:57-08:00"), 851042397);
  assert.equal(parseRfc2822("Tue, 1 Jul 2003 10:52:37 +0200"), 1057049557);
  assert.equal(parseRfc2822("1 Jul 2003 10:52 GMT"), 1057056720);
  assert.equal(parseTime("1983 Apr 13 12:09:14.274 +0000", "%Y %b %d %H:%M:%S%.3f %z"), 419083754);
  assert.equal(parseTime("2026-01-01 01:30:00 pm +01:00", "%F %I:%M:%S %p %z"), Date.UTC(2026, 0, 1, 12, 30) / 1000);
  assert.equal(parseTime("17", "%s"), 17);
  for (const bad of ["1985-04-12", "1985-13-12T23:20:50Z", "1985-02-30T00:00:00Z", "x"])
    assert.throws(() => parseRfc3339(bad), bad);
  assert.throws(() => parseRfc2822("1 Foo 2003 10:52 GMT"));
  assert.throws(() => parseTime("2026", "%Y"), /does not say enough/);
  assert.throws(() => parseTime("2026", "%Q"), /not a known part/);
  assert.throws(() => parseTime("(a", "(b"), /does not match/);
});

test("sanitize_sh_param (§2.5, §12 18–19)", () => {
  assert.equal(sanitizeShParam('a b/c:"d"'), '"a b/c:\\"d\\""');
  assert.equal(sanitizeShParam("é{1},-_.\n"), '"é{1},-_.\\n"');
  assert.throws(() => sanitizeShParam("'"), { message: "Very unsafe subsitution >:( '" });
  for (const char of "$`\\;&|@=?#%+*~!()[]<>\t") {
    assert.throws(() => sanitizeShParam(`a${char}`), { message: `Shell unsafe character detected: ${char}` });
  }
});

test("shell_quote takes any text", () => {
  assert.equal(shellQuote("it's $HOME"), "'it'\\''s $HOME'");
});
