import assert from "node:assert/strict";
import { test } from "node:test";
import { infoDocument, infoText } from "./info-text.ts";

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

test("programs are told the second family of addresses where nodes have one", () => {
  const ipv6 = { gatewayIp: "fd00::1", hostIp: "fd00::2", freeIps: ["fd00::3"] };
  assert.deepEqual(
    [infoDocument({ ipv6 }), infoDocument({})].map((document) => document.ipv6),
    [{ gateway_ip: "fd00::1", host_ip: "fd00::2", free_ips: ["fd00::3"] }, undefined],
  );
});
