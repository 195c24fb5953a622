import assert from "node:assert/strict";
import { FirewallAction, FirewallDirection, FirewallProtocol } from "@blockvisor/wire/blockjoy/common/v1/config";
import { UiType, Visibility } from "@blockvisor/wire/blockjoy/common/v1/protocol";
import type { Clients } from "./clients.ts";

export const versionKey = { protocolKey: "test-chain", variantKey: "client-mainnet-full" };

/** What `nib image push` sends for an image with a text, a switch and an enum that chooses the archive. */
export const imageRequest = (protocolVersionId: string) => ({
  protocolVersionId,
  imageUri: "docker://registry.example/test-chain:1",
  properties: [
    { key: "moniker", defaultValue: "", dynamicValue: true, uiType: UiType.TEXT, newArchive: false },
    { key: "auth-token", defaultValue: "", dynamicValue: true, uiType: UiType.PASSWORD, newArchive: false },
    ...(["on", "off"] as const).map((side) => ({
      key: `metrics-${side}`,
      keyGroup: "metrics",
      isGroupDefault: side === "off",
      defaultValue: side,
      dynamicValue: false,
      uiType: UiType.SWITCH,
      newArchive: false,
      ...(side === "on" ? { addMemoryBytes: 500_000_000n } : {}),
    })),
    ...(["mainnet", "sepolia"] as const).map((network) => ({
      key: `network-${network}`,
      keyGroup: "network",
      isGroupDefault: network === "mainnet",
      defaultValue: network,
      dynamicValue: false,
      uiType: UiType.ENUM,
      newArchive: network === "sepolia",
    })),
  ],
  firewall: {
    defaultIn: FirewallAction.DROP,
    defaultOut: FirewallAction.ALLOW,
    rules: [
      {
        key: "p2p",
        protocol: FirewallProtocol.BOTH,
        direction: FirewallDirection.INBOUND,
        action: FirewallAction.ALLOW,
        ips: [],
        ports: [{ port: 30303 }],
      },
    ],
  },
  minCpuCores: 1n,
  minMemoryBytes: 1_000_000_000n,
  minDiskBytes: 10_000_000_000n,
  minBabelVersion: "0.1.0",
  ramdisks: [{ mount: "/blockjoy/ram", sizeBytes: 1_000_000n }],
  archivePointers: [
    { newArchiveKeys: [], pointer: { case: "storeKey" as const, value: "test-chain-mainnet-v1" } },
    { newArchiveKeys: ["network-sepolia"], pointer: { case: "storeKey" as const, value: "test-chain-sepolia-v1" } },
  ],
});

/** Pushes protocol, version and image as `nib` does, all public. */
export async function pushCatalogue(as: Clients, key = versionKey, semanticVersion = "1.0.0") {
  const { protocol } = await as.protocol.addProtocol({ key: key.protocolKey, name: `Protocol ${key.protocolKey}` });
  assert.ok(protocol);
  await as.protocol.updateProtocol({ protocolId: protocol.protocolId, visibility: Visibility.PUBLIC });
  return { protocolId: protocol.protocolId, ...(await pushVersion(as, key, semanticVersion)) };
}

export async function pushVersion(as: Clients, key: typeof versionKey, semanticVersion: string) {
  const { version } = await as.protocol.addVersion({ versionKey: key, semanticVersion, skuCode: "SKU", metadata: [] });
  assert.ok(version);
  const { protocolVersionId } = version;
  await as.protocol.updateVersion({ protocolVersionId, visibility: Visibility.PUBLIC });
  return { protocolVersionId, imageId: await pushBuild(as, protocolVersionId) };
}

export async function pushBuild(as: Clients, protocolVersionId: string): Promise<string> {
  const { image } = await as.image.addImage(imageRequest(protocolVersionId));
  assert.ok(image);
  await as.image.updateImage({ imageId: image.imageId, visibility: Visibility.PUBLIC });
  return image.imageId;
}
