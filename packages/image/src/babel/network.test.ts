import assert from "node:assert/strict";
import { test } from "node:test";
import { parseNetwork } from "../index.ts";

test("networks in canonical form", () => {
  const table: [text: string, canonical: string][] = [
    ["1.2.3.4", "1.2.3.4"],
    ["1.2.3.4/32", "1.2.3.4"],
    ["0.0.0.0/0", "0.0.0.0/0"],
    ["any", "0.0.0.0/0"],
    ["2001:DB8:0:0::/32", "2001:db8::/32"],
    ["::", "::"],
    ["::1/128", "::1"],
    ["::ffff:1.2.3.4", "::ffff:102:304"],
    ["1:0:0:2:0:0:0:3", "1:0:0:2::3"],
  ];
  for (const [text, canonical] of table) assert.deepEqual(parseNetwork(text), { kind: "network", canonical });
});

test("refused, with the correction where there is one", () => {
  const table: [text: string, suggestion: string | undefined][] = [
    ["1.2.3.5/30", "1.2.3.4/30"],
    ["10", "10.0.0.0/8"],
    ["192.168", "192.168.0.0/16"],
    ["10.0.0.0/255.0.0.0", "10.0.0.0/8"],
    ["10.0.0.0/255.0.255.0", undefined],
    ["1.2.3.4/33", undefined],
    ["1.2.3.4/8/8", undefined],
    ["1.2.3.400", undefined],
    ["fe80::1%eth0", undefined],
    ["", undefined],
    ["300.1", undefined],
  ];
  for (const [text, suggestion] of table) {
    const parsed = parseNetwork(text);
    assert.equal(parsed.kind, "invalid", text);
    assert.equal(parsed.kind === "invalid" ? parsed.suggestion : "", suggestion, text);
  }
});
