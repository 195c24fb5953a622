import assert from "node:assert/strict";
import { test } from "node:test";
import { expandAddresses, freeAddresses } from "./addresses.ts";

test("single addresses, ranges and CIDRs are expanded in order", () => {
  assert.deepEqual(
    [...expandAddresses(["10.0.0.9", "10.0.0.254-10.0.1.1", "192.168.1.8/30", "172.16.0.1/32", "172.16.0.4/31"])],
    [
      ...["10.0.0.9", "10.0.0.254", "10.0.0.255", "10.0.1.0", "10.0.1.1"],
      ...["192.168.1.9", "192.168.1.10", "172.16.0.1", "172.16.0.4", "172.16.0.5"],
    ],
  );
});

test("a /8 costs only what is taken of it", () => {
  assert.deepEqual([...expandAddresses(["10.0.0.0/8"]).take(2)], ["10.0.0.1", "10.0.0.2"]);
});

test("gateway, host and used addresses are never free", () => {
  const network = { gatewayIp: "10.0.0.1", hostIp: "10.0.0.2", availableIps: ["10.0.0.0/29"] };
  assert.deepEqual([...freeAddresses(network, new Set(["10.0.0.4"]))], ["10.0.0.3", "10.0.0.5", "10.0.0.6"]);
});

for (const list of [["10.0.0.1-"], ["10.0.0.0/33"], ["nonsense/8"]]) {
  test(`'${list}' is refused`, () => {
    assert.throws(() => [...expandAddresses(list)], { code: "config_error" });
  });
}
