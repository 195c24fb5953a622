import assert from "node:assert/strict";
import { test } from "node:test";
import { expandAddresses, freeAddresses, isListed } from "./addresses.ts";

test("single addresses, ranges and CIDRs are expanded in order", () => {
  assert.deepEqual(
    [...expandAddresses(["10.0.0.9", "10.0.0.254-10.0.1.1", "192.168.1.8/30", "172.16.0.1/32", "172.16.0.4/31"])],
    [
      ...["10.0.0.9", "10.0.0.254", "10.0.0.255", "10.0.1.0", "10.0.1.1"],
      ...["192.168.1.9", "192.168.1.10", "172.16.0.1", "172.16.0.4", "172.16.0.5"],
    ],
  );
});

test("addresses of version 6 too: networks without the routers' address, ranges, single ones", () => {
  assert.deepEqual(
    [...expandAddresses(["fd00::/126", "fd00:0::ffff-fd00::1:1", "FD00:0:0::9"])],
    ["fd00::1", "fd00::2", "fd00::3", "fd00::ffff", "fd00::1:0", "fd00::1:1", "fd00::9"],
  );
  assert.deepEqual([...expandAddresses(["2001:db8::/64"]).take(1)], ["2001:db8::1"]);
});

test("whether an address is listed is known without listing them", () => {
  const list = ["10.0.0.0/8", "192.168.0.5-192.168.0.9", "2001:db8::/64"];
  const listed = ["10.200.0.7", "192.168.0.9", "2001:db8::ffff", "10.0.0.0", "192.168.0.10", "2001:db8:1::1", "x"];
  assert.deepEqual(
    listed.map((ip) => isListed(list, ip)),
    [true, true, true, false, false, false, false],
  );
});

test("a /8 costs only what is taken of it", () => {
  assert.deepEqual([...expandAddresses(["10.0.0.0/8"]).take(2)], ["10.0.0.1", "10.0.0.2"]);
});

test("gateway, host and used addresses are never free", () => {
  const network = { gatewayIp: "10.0.0.1", hostIp: "10.0.0.2", availableIps: ["10.0.0.0/29"] };
  assert.deepEqual([...freeAddresses(network, new Set(["10.0.0.4"]))], ["10.0.0.3", "10.0.0.5", "10.0.0.6"]);
});

for (const list of [
  ["10.0.0.1-"],
  ["10.0.0.0/33"],
  ["nonsense/8"],
  ["nonsense"],
  ["10.0.0.1-fd00::1"],
  ["10.0.0.1-2-3"],
]) {
  test(`'${list}' is refused`, () => {
    assert.throws(() => [...expandAddresses(list)], { code: "config_error" });
  });
}
