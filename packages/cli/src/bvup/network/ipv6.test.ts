import assert from "node:assert/strict";
import { test } from "node:test";
import { ipv6OfMachine, privateIpv6 } from "./ipv6.ts";

const local = { family: "IPv6", address: "fe80::1", cidr: "fe80::1/64" } as const;
const own = { family: "IPv6", address: "2001:db8::5", cidr: "2001:db8::5/64" } as const;
const four = { family: "IPv4", address: "10.0.0.4", cidr: "10.0.0.4/24" } as const;
const routes = JSON.stringify([{ dst: "default", gateway: "fe80::9", dev: "br0" }]);

test("the second family comes from the bridge's own address and the default route", () => {
  assert.deepEqual(ipv6OfMachine([four, local, own], routes, "br0"), {
    gatewayIp: "fe80::9",
    hostIp: "2001:db8::5",
    prefix: 64,
    availableIps: ["2001:db8::5/64"],
  });
});

test("what a machine has no second family with is told", () => {
  const refused = (addresses: Parameters<typeof ipv6OfMachine>[0], message: string, from = routes) =>
    assert.throws(() => ipv6OfMachine(addresses, from, "br0"), { kind: "network-undetected", message });
  refused([four, local], "br0 has no address of version 6");
  refused([own], "there is no default route of version 6", "[]");
  refused([{ ...own, cidr: "2001:db8::5/128" }], "the network of 2001:db8::5/128 has no addresses for nodes");
});

test("of a network that only this machine knows it has the first address", () => {
  assert.deepEqual(privateIpv6("fd12:3456::/64"), {
    gatewayIp: "fd12:3456::1",
    hostIp: "fd12:3456::1",
    prefix: 64,
    availableIps: ["fd12:3456::/64"],
  });
  for (const text of ["10.0.0.0/8", "fd12::1/64", "fd12::/127", "fd12::", "fd12::::/64"]) {
    assert.throws(() => privateIpv6(text), {
      kind: "usage",
      message: `cannot parse '${text}' as network of version 6`,
    });
  }
});
