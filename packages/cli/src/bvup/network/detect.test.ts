import assert from "node:assert/strict";
import { test } from "node:test";
import { Failure } from "../../failure/failure.ts";
import { parseAddressList, rangesOf } from "./address.ts";
import { networkOfRoutes } from "./detect.ts";

const gateway = { dst: "default", gateway: "10.0.0.1", dev: "br0", protocol: "static" };
const own = { dst: "10.0.0.0/29", dev: "br0", protocol: "kernel", prefsrc: "10.0.0.4" };

test("gateway, host and free addresses come from the routes", () => {
  assert.deepEqual(networkOfRoutes(JSON.stringify([gateway, own]), "br0"), {
    gatewayIp: "10.0.0.1",
    hostIp: "10.0.0.4",
    prefix: 29,
    availableIps: ["10.0.0.2", "10.0.0.3", "10.0.0.5", "10.0.0.6"],
  });
});

test("the gateway may lie outside; a /31 leaves the other address, a /32 none", () => {
  const far = { ...gateway, gateway: "192.168.9.1" };
  const pair = { ...own, dst: "10.0.0.4/31" };
  const alone = { ...own, dst: "10.0.0.4/32" };
  assert.deepEqual(networkOfRoutes(JSON.stringify([far, pair]), "br0").availableIps, ["10.0.0.5"]);
  assert.deepEqual(networkOfRoutes(JSON.stringify([far, alone]), "br0").availableIps, []);
});

test("a /30 has two addresses; of several interfaces the named one counts, and what is no route of its network is passed over (A14)", () => {
  const small = { ...own, dst: "10.0.0.4/30", prefsrc: "10.0.0.5" };
  const others = [
    { dst: "10.9.0.0/16", dev: "eth1", protocol: "kernel", prefsrc: "10.9.0.1" },
    { dst: "nonsense", dev: "br0", protocol: "kernel", prefsrc: "10.1.0.1" },
    { dst: "10.2.0.0/16", dev: "br0", protocol: "kernel" },
    { dst: "10.3.0.0/16", dev: "br0", protocol: "static", prefsrc: "10.3.0.1" },
  ];
  assert.deepEqual(networkOfRoutes(JSON.stringify([...others, gateway, small]), "br0"), {
    gatewayIp: "10.0.0.1",
    hostIp: "10.0.0.5",
    prefix: 30,
    availableIps: ["10.0.0.6"],
  });
});

const refusals: readonly (readonly [routes: string, message: RegExp])[] = [
  ["[]", /^default route not found. Available routes: \[\]$/],
  ['[{"dst":"default"}]', /^default route 'gateway' field not found. Route info: /],
  ['[{"dst":"default","gateway":"x"}]', /^failed to parse gateway ip 'x'$/],
  [
    JSON.stringify([gateway, { ...own, dev: "eth0" }]),
    /^failed to find network configuration for interface 'br0'. Available interfaces: \[br0, eth0\]/,
  ],
  [JSON.stringify([gateway, { ...own, dst: "nonsense" }]), /^failed to find network configuration for interface 'br0'/],
  [
    JSON.stringify([gateway, { ...own, prefsrc: undefined }]),
    /^failed to find network configuration for interface 'br0'. .*Searched routes: /,
  ],
  [JSON.stringify([gateway, { ...own, prefsrc: "x" }]), /^cannot parse host ip 'x'$/],
  ["{", /^JSON parsing error: /],
];

for (const [routes, message] of refusals) {
  test(`routes ${routes.slice(0, 40)} are refused`, () => {
    assert.throws(
      () => networkOfRoutes(routes, "br0"),
      (error) => error instanceof Failure && message.test(error.message),
    );
  });
}

test("an address list is networks, ranges and addresses, without what is taken", () => {
  assert.deepEqual(parseAddressList("10.0.0.0/30, 10.0.1.1-10.0.1.3,10.0.2.9,10.0.2.9", ["10.0.1.2"]), [
    "10.0.0.1",
    "10.0.0.2",
    "10.0.1.1",
    "10.0.1.3",
    "10.0.2.9",
  ]);
  assert.deepEqual(rangesOf(["10.0.2.9", "10.0.0.255", "10.0.1.0", "10.0.1.1", "10.0.2.9", "10.0.1.3"]), [
    "10.0.0.255-10.0.1.1",
    "10.0.1.3",
    "10.0.2.9",
  ]);
  assert.throws(() => parseAddressList("10.0.0.0/99", []), /cannot parse '10.0.0.0\/99' as cidr/);
  assert.throws(() => parseAddressList("10.0.0.9-10.0.0.1", []), /invalid ip range '10.0.0.9-10.0.0.1'/);
  assert.throws(() => parseAddressList("x", []), /invalid ip provided 'x'/);
});
