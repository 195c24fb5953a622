import assert from "node:assert/strict";
import { test } from "node:test";
import { infoText } from "./info-text.ts";

test("the first line says how the daemon is doing, and whether there is more to read below it", () => {
  const headline = (status: string, ...conditions: { readonly name: string; readonly ok?: boolean }[]) =>
    infoText({
      name: "blockvisord",
      version: "1.2.3",
      status: `SERVICE_STATUS_${status}` as "SERVICE_STATUS_OK",
      conditions,
    }).split("\n")[0];
  assert.equal(headline("OK", { name: "api", ok: true }), "blockvisord 1.2.3 - Ok");
  assert.equal(headline("OK", { name: "api", ok: true }, { name: "mqtt" }), "blockvisord 1.2.3 - Ok, with problems");
  assert.equal(headline("BROKEN", { name: "state" }), "blockvisord 1.2.3 - Broken");
});
