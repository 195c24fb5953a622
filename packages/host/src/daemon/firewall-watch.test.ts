import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { after, before, test } from "node:test";
import { nodeHash } from "../network/names.ts";
import { type DaemonProcess, finish, makeRoot, startDaemonProcess, type TestRoot } from "../testbed/daemon-process.ts";
import { makeTestImage } from "../testbed/test-image.ts";
import { until } from "../testbed/until.ts";

let root: TestRoot;
let daemon: DaemonProcess;

before(async () => {
  root = await makeRoot({ recovery: { check_secs: 1 } });
  daemon = await startDaemonProcess(root);
});

after(async () => {
  await daemon.stop();
  await root.remove();
});

test("rules of a running node that something else has flushed are loaded again; of a stopped node there are none", async () => {
  const imageUri = await makeTestImage(root.paths.root, "1.0.0");
  const rule = { name: "web", action: "allow", direction: "in", protocol: "tcp", ips: ["10.0.0.0/8"], ports: [80] };
  const { id } = await finish(
    daemon.client.createDevNode({
      name: "walled",
      imageKey: { protocolKey: "test", variantKey: "test-main" },
      imageVersion: "1.0.0",
      imageUri,
      firewall: { defaultIn: "deny", defaultOut: "allow", rules: [rule] },
    }),
  );
  const shown = async () => {
    const { mode, enforced, reason, rules } = await daemon.client.getNodeFirewall({ node: id });
    return {
      mode,
      enforced,
      reason,
      rules: rules.map((found) => `${found.rule?.direction} ${found.rule?.name} ${found.rule?.action}`),
    };
  };
  const rules = ["in web allow", "in default deny", "out default allow"];
  assert.deepEqual(await shown(), {
    mode: "bridged",
    enforced: false,
    reason: "the node does not run: it has no network",
    rules,
  });
  const { pid } = await finish(daemon.client.startNode({ node: id }));
  assert.deepEqual(await shown(), { mode: "bridged", enforced: true, reason: "", rules });

  const table = `bv_${nodeHash(id).slice(0, 16)}`;
  const tables = () => execFileSync("nft", ["list", "tables"], { encoding: "utf8" });
  assert.match(tables(), new RegExp(`netdev ${table}`));
  execFileSync("nft", ["delete", "table", "netdev", table]);
  await until(
    async () => tables().includes(table),
    async () => daemon.log().slice(-3_000),
  );
  const node = await daemon.client.getNode({ node: id });
  assert.deepEqual([node.pid, node.problem], [pid, undefined]);
  await finish(daemon.client.deleteNode({ node: id }));
  assert.doesNotMatch(tables(), new RegExp(table));
});
