import { archiveOf } from "./archives.ts";
import type { ArchivePointer, EffectiveVariant, FirewallConfig, Metadata, Visibility } from "./model.ts";
import { parseNetwork } from "./network.ts";
import { expandProperties, type PropertyRow } from "./properties.ts";
import { BYTES_PER_GB, BYTES_PER_MB } from "./resources.ts";

/** What `nib image push` sends for one variant, free of protobuf (spec nib-and-images.md §6.2–6.3). Bytes are decimal multiples. */
export interface VariantPush {
  readonly protocolKey: string;
  readonly variantKey: string;
  readonly version: string;
  readonly orgId: string | null;
  readonly visibility: Visibility;
  readonly skuCode: string;
  readonly description: string | null;
  readonly metadata: readonly Metadata[];
  readonly image: ImagePush;
}

export interface ImagePush {
  readonly imageUri: string;
  readonly dnsScheme: string | null;
  readonly minCpuCores: bigint;
  readonly minMemoryBytes: bigint;
  readonly minDiskBytes: bigint;
  readonly ramdisks: readonly { readonly mount: string; readonly sizeBytes: bigint }[];
  /** Rules sorted by key, addresses in canonical form. */
  readonly firewall: FirewallConfig;
  /** Sorted by key. */
  readonly properties: readonly ImagePropertyPush[];
  readonly archivePointers: readonly ArchivePointer[];
}

export interface ImagePropertyPush {
  readonly key: string;
  readonly keyGroup: string | null;
  readonly displayName: string | null;
  readonly displayGroup: string | null;
  readonly isGroupDefault: boolean | null;
  readonly defaultValue: string;
  readonly description: string | null;
  readonly dynamicValue: boolean;
  readonly uiType: "text" | "password" | "switch" | "enum";
  readonly newArchive: boolean;
  readonly addCpuCores: bigint | null;
  readonly addMemoryBytes: bigint | null;
  readonly addDiskBytes: bigint | null;
  /** JSON text of the list of variant keys. */
  readonly variants: string | null;
}

export function variantPush(variant: EffectiveVariant): VariantPush {
  return {
    protocolKey: variant.protocolKey,
    variantKey: variant.variantKey,
    version: variant.version,
    orgId: variant.orgId,
    visibility: variant.visibility,
    skuCode: variant.skuCode,
    description: variant.description,
    metadata: variant.metadata,
    image: {
      imageUri: variant.containerUri,
      dnsScheme: variant.dnsScheme,
      minCpuCores: BigInt(variant.minCpu),
      minMemoryBytes: BigInt(variant.minMemoryMb) * BYTES_PER_MB,
      minDiskBytes: BigInt(variant.minDiskGb) * BYTES_PER_GB,
      ramdisks: variant.ramdisks.map(({ mount, sizeMb }) => ({ mount, sizeBytes: BigInt(sizeMb) * BYTES_PER_MB })),
      firewall: canonicalFirewall(variant.firewallConfig),
      properties: expandProperties(variant)
        .map(propertyPush)
        .sort((a, b) => (a.key < b.key ? -1 : 1)),
      archivePointers: archivePointers(variant),
    },
  };
}

/** Rules by key and addresses in canonical form, so that equal configurations compare equal. */
export function canonicalFirewall(config: FirewallConfig): FirewallConfig {
  const rules = config.rules.map((rule) => ({
    ...rule,
    ips: rule.ips.map(({ ip, name }) => {
      const network = parseNetwork(ip);
      return { ip: network.kind === "network" ? network.canonical : ip, name };
    }),
  }));
  return { ...config, rules: rules.sort((a, b) => (a.key < b.key ? -1 : 1)) };
}

/** Without pointers the archive that the platform would make up is named, so that every node of the variant has one (§3.6). */
function archivePointers(variant: EffectiveVariant): readonly ArchivePointer[] {
  const implicit = archiveOf(variant, []);
  if (implicit.kind !== "store_key" || !implicit.implicit) return variant.archivePointers;
  return [{ pointer: { kind: "store_key", key: implicit.key }, newArchiveProperties: [] }];
}

function propertyPush(row: PropertyRow): ImagePropertyPush {
  const { property, impact } = row;
  const scaled = (amount: number | null | undefined, unit: bigint): bigint | null =>
    amount == null ? null : BigInt(amount) * unit;
  return {
    key: row.key,
    keyGroup: row.keyGroup,
    displayName: row.displayName,
    displayGroup: row.displayGroup,
    isGroupDefault: row.isGroupDefault,
    defaultValue: row.defaultValue,
    description: property.description,
    dynamicValue: property.dynamicValue,
    uiType: property.ui.kind,
    newArchive: impact?.newArchive ?? false,
    addCpuCores: scaled(impact?.addCpu, 1n),
    addMemoryBytes: scaled(impact?.addMemoryMb, BYTES_PER_MB),
    addDiskBytes: scaled(impact?.addDiskGb, BYTES_PER_GB),
    variants: property.variants === null ? null : JSON.stringify(property.variants),
  };
}
