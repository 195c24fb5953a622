import assert from "node:assert/strict";
import { test } from "node:test";
import { parseProtocols, validateProtocols } from "../index.ts";

test("entries in order, optional fields absent", () => {
  const parsed = parseProtocols(
    "- { key: testing, name: Testing, visibility: public }\n- key: acme\n  name: 5\n  visibility: private\n  org_id: null\n",
  );
  assert.deepEqual(validateProtocols(parsed), []);
  assert.deepEqual(parsed.value, [
    { key: "testing", name: "Testing", orgId: null, ticker: null, description: null, visibility: "public" },
    { key: "acme", name: "5", orgId: null, ticker: null, description: null, visibility: "private" },
  ]);
  assert.deepEqual(parseProtocols("").value, []);
});

test("all entries are checked before anything is pushed", () => {
  const findings = validateProtocols(
    parseProtocols(
      "- { key: Testing, name: T, visibility: public }\n- { key: ab, name: T, visibility: public }\n- { key: ab, name: T, visibility: x }\n",
    ),
  );
  assert.deepEqual(
    findings.map((one) => `${one.code} ${one.range!.start.line}`),
    ["NIB103 3", "NIB203 1", "NIB204 2", "NIB204 3", "NIB206 3"],
  );
});
