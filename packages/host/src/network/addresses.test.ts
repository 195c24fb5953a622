import assert from "node:assert/strict";
import { test } from "node:test";
import { contains, formatCidr, parseCidr } from "./index.ts";

for (const [text, canonical] of [
  ["10.1.2.3", "10.1.2.3/32"],
  ["10.1.2.3/24", "10.1.2.0/24"],
  ["0.0.0.0/0", "0.0.0.0/0"],
  ["255.255.255.255/31", "255.255.255.254/31"],
  ["fd00::1", "fd00::1/128"],
  ["2001:db8:ffff::/33", "2001:db8:8000::/33"],
  ["::", "::/128"],
  ["1:0:0:2:0:0:0:3", "1:0:0:2::3/128"],
  ["1:0:2:3:4:5:6:0", "1:0:2:3:4:5:6:0/128"],
  ["1:0:0:2:0:0:3:10", "1::2:0:0:3:10/128"],
  ["::ffff:10.0.0.1", "::ffff:a00:1/128"],
] as const) {
  test(`${text} is ${canonical}`, () => {
    const cidr = parseCidr(text);
    assert.ok(cidr);
    assert.equal(formatCidr(cidr), canonical);
    assert.deepEqual(parseCidr(canonical), cidr);
  });
}

test("what is no network", () => {
  for (const text of [
    "",
    "10",
    "10.0.0",
    "10.0.0.1/33",
    "10.0.0.1/-1",
    "10.0.0.1/",
    "10.0.0.1/2/3",
    "::1/129",
    "fe80::1%eth0",
    "x; drop",
    "010.0.0.1",
  ]) {
    assert.equal(parseCidr(text), undefined, text);
  }
});

test("networks nest or have nothing in common", () => {
  const inside = (outer: string, inner: string) => contains(parseCidr(outer)!, parseCidr(inner)!);
  assert.equal(inside("10.0.0.0/8", "10.1.0.0/16"), true);
  assert.equal(inside("10.1.0.0/16", "10.0.0.0/8"), false);
  assert.equal(inside("0.0.0.0/0", "::/0"), false);
  assert.equal(inside("fd00::/8", "fd12::1"), true);
});
