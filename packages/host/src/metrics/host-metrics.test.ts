import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";

/** Runs in a network of its own: `out` leads to the world, `in` does not; one packet goes over each. Returns what was sent. */
function sentOf(route: string): { readonly told: bigint; readonly out: bigint; readonly in: bigint } {
  const source = `
    import { createSocket } from "node:dgram";
    import { readFileSync } from "node:fs";
    import { hostMetrics } from ${JSON.stringify(join(import.meta.dirname, "host-metrics.ts"))};
    const sent = (link) => readFileSync("/proc/net/dev", "utf8").match(new RegExp(link + ":(?:\\\\s+\\\\d+){8}\\\\s+(\\\\d+)"))[1];
    const socket = createSocket("udp4");
    const send = (bytes, to) => new Promise((resolve) => socket.send(Buffer.alloc(bytes), 9, to, resolve));
    await send(100, "192.0.2.9"); await send(300, "198.51.100.9"); socket.close();
    const before = [sent("out"), sent("in")].join();
    const { networkSentBytes } = await hostMetrics("/", new Set());
    if (before !== [sent("out"), sent("in")].join()) throw new Error("somebody else sends");
    console.log([networkSentBytes, before].join());`;
  const script = `
    echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6
    for link in out in; do
      ip link add $link type veth peer name $link-peer; ip link set $link-peer up; ip link set $link up
    done
    ip address add 192.0.2.1/24 dev out; ip neighbour add 192.0.2.9 lladdr 02:00:00:00:00:09 dev out
    ip address add 198.51.100.1/24 dev in; ip neighbour add 198.51.100.9 lladdr 02:00:00:00:00:09 dev in
    ${route}
    exec "$0" --input-type=module -e "$1"`;
  const { status, stdout, stderr } = spawnSync("unshare", ["--net", "sh", "-ec", script, process.execPath, source], {
    encoding: "utf8",
  });
  assert.equal(status, 0, stderr);
  const [told = 0n, out = 0n, inside = 0n] = stdout.trim().split(",").map(BigInt);
  return { told, out, in: inside };
}

test("bytes are counted where the machine's default route goes; without one, everywhere", () => {
  const routed = sentOf("ip route add default via 192.0.2.254 dev out; ip route add unreachable default metric 900");
  assert.ok(routed.out > 0n && routed.in > routed.out);
  assert.equal(routed.told, routed.out);
  const alone = sentOf("");
  assert.equal(alone.told, alone.out + alone.in);
});
