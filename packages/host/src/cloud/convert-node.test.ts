import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { FirewallAction, FirewallDirection, FirewallProtocol } from "@blockvisor/wire/blockjoy/common/v1/config";
import { NodeSchema } from "@blockvisor/wire/blockjoy/v1/node";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { contentOfApiNode, stateOfApiNode } from "./convert-node.ts";

const node = {
  nodeId: "a2c9e1f4-0000-4000-8000-000000000001",
  nodeName: "brave-fox",
  displayName: "Mine",
  imageId: "image-row",
  configId: "config-1",
  orgId: "org-1",
  orgName: "Org",
  protocolId: "protocol-1",
  protocolName: "Test",
  versionKey: { protocolKey: "test", variantKey: "test-main" },
  semanticVersion: "1.2.3",
  ipAddress: "10.0.0.5",
  ipGateway: "10.0.0.1",
  dnsName: "brave-fox.example",
  tags: { tags: [{ name: "blue" }] },
  config: {
    vm: {
      cpuCores: 2n,
      memoryBytes: 4_500_999_999n,
      diskBytes: 10_900_000_000n,
      ramdisks: [{ mount: "/mnt/ram", sizeBytes: 64_000_000n }],
    },
    image: {
      imageId: "image-1",
      imageUri: "docker://registry/test:1",
      archiveId: "archive-1",
      storeKey: "test-v1",
      minBabelVersion: "0.1.0",
      values: [
        { key: "metrics-on", keyGroup: "metrics", value: "on" },
        { key: "color", value: "blue" },
      ],
    },
    firewall: {
      defaultIn: FirewallAction.DROP,
      defaultOut: FirewallAction.ALLOW,
      rules: [
        {
          key: "p2p",
          protocol: FirewallProtocol.BOTH,
          direction: FirewallDirection.INBOUND,
          action: FirewallAction.REJECT,
          ips: [{ ip: "1.2.3.0/24", name: "office" }],
          ports: [{ port: 30303 }],
        },
      ],
    },
  },
} satisfies MessageInitShape<typeof NodeSchema>;

const message = (change: MessageInitShape<typeof NodeSchema> = {}) =>
  create(NodeSchema, { ...node, ...(change as object) } as MessageInitShape<typeof NodeSchema>);

describe("a node of the API", () => {
  test("becomes the state of a stopped node", () => {
    const { id, name, dev_mode, ip, gateway, expected_status, initialized } = stateOfApiNode(message());
    assert.deepEqual(
      { id, name, dev_mode, ip, gateway, expected_status, initialized },
      {
        id: node.nodeId,
        name: "brave-fox",
        dev_mode: false,
        ip: "10.0.0.5",
        gateway: "10.0.0.1",
        expected_status: "Stopped",
        initialized: false,
      },
    );
  });

  test("has decimal sizes, grouped properties and our words for the firewall", () => {
    assert.deepEqual(contentOfApiNode(message()), {
      image_key: { protocol_key: "test", variant_key: "test-main" },
      protocol_id: "protocol-1",
      properties: { metrics: "on", color: "blue" },
      secret_properties: null,
      firewall: {
        default_in: "deny",
        default_out: "allow",
        rules: [
          { name: "p2p", action: "reject", direction: "in", protocol: "both", ips: ["1.2.3.0/24"], ports: [30303] },
        ],
      },
      display_name: "Mine",
      org_id: "org-1",
      org_name: "Org",
      protocol_name: "Test",
      dns_name: "brave-fox.example",
      tags: ["blue"],
      vm_config: {
        vcpu_count: 2,
        mem_size_mb: 4500,
        disk_size_gb: 10,
        ramdisks: [{ ram_disk_mount_point: "/mnt/ram", ram_disk_size_mb: 64 }],
      },
      image: {
        id: "image-1",
        version: "1.2.3",
        config_id: "config-1",
        archive_id: "archive-1",
        store_key: "test-v1",
        uri: "docker://registry/test:1",
        min_babel_version: "0.1.0",
        digest: "",
        rootfs: "",
        privileged: false,
      },
    });
  });

  for (const [change, text] of [
    [{ ipAddress: "nowhere" }, "invalid ip `nowhere`"],
    [{ ipGateway: "" }, "invalid gateway ``"],
    [{ config: { image: node.config.image } }, "Missing vm config"],
    [{ config: { vm: node.config.vm } }, "Missing image"],
  ] as const) {
    test(`is refused with '${text}'`, () => {
      assert.throws(() => stateOfApiNode(message(change)), { code: "invalid", message: text });
    });
  }
});
