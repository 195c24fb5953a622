import { canonicalFirewall, type FirewallConfig, type ImagePropertyPush, type VariantPush } from "@blockvisor/image";
import {
  type FirewallConfig as ApiFirewall,
  FirewallAction,
  FirewallDirection,
  FirewallProtocol,
} from "@blockvisor/wire/blockjoy/common/v1/config";
import { UiType } from "@blockvisor/wire/blockjoy/common/v1/protocol";
import type { Archive, Image, ImageProperty } from "@blockvisor/wire/blockjoy/v1/image";

/**
 * An image in one plain form, whether it comes from babel.yaml or from the API, so that two of them can be compared field by
 * field. All that a push sends is in it but the minimum babel version, which depends on who pushes (nib-and-images §6.4).
 */
export interface ImageFields {
  readonly org_id: string | null;
  readonly description: string | null;
  readonly container_uri: string;
  readonly dns_scheme: string | null;
  readonly min_cpu: bigint;
  readonly min_memory_bytes: bigint;
  readonly min_disk_bytes: bigint;
  readonly ramdisks: readonly { readonly mount: string; readonly size_bytes: string }[];
  readonly firewall_config: FirewallConfig;
  readonly properties: readonly PropertyFields[];
  readonly archive_pointers: readonly { readonly key: string; readonly store_key: string }[];
}

type PropertyFields = Omit<ImagePropertyPush, "variants">;

export function fieldsOfPush({ orgId, description, variantKey, image }: VariantPush): ImageFields {
  return {
    org_id: orgId,
    description,
    container_uri: image.imageUri,
    dns_scheme: image.dnsScheme,
    min_cpu: image.minCpuCores,
    min_memory_bytes: image.minMemoryBytes,
    min_disk_bytes: image.minDiskBytes,
    ramdisks: image.ramdisks.map(({ mount, sizeBytes }) => ({ mount, size_bytes: String(sizeBytes) })),
    firewall_config: image.firewall,
    properties: image.properties.filter(({ variants }) => isFor(variantKey, variants)).map(withoutVariants),
    archive_pointers: image.archivePointers.flatMap(({ pointer, newArchiveProperties }) =>
      pointer.kind === "store_key" ? [{ key: combination(newArchiveProperties), store_key: pointer.key }] : [],
    ),
  };
}

export function fieldsOfApi(image: Image, archives: readonly Archive[], variantKey: string): ImageFields {
  const keys = new Map(image.properties.map(({ imagePropertyId, key }) => [imagePropertyId, key]));
  return {
    org_id: image.orgId ?? null,
    description: image.description ?? null,
    container_uri: image.imageUri,
    dns_scheme: image.dnsScheme ?? null,
    min_cpu: image.minCpuCores,
    min_memory_bytes: image.minMemoryBytes,
    min_disk_bytes: image.minDiskBytes,
    ramdisks: image.ramdisks.map(({ mount, sizeBytes }) => ({ mount, size_bytes: String(sizeBytes) })),
    firewall_config: canonicalFirewall(firewallOfApi(image.firewall)),
    properties: image.properties
      .filter(({ variants }) => isFor(variantKey, variants ?? null))
      .map(propertyOfApi)
      .sort((a, b) => (a.key < b.key ? -1 : 1)),
    archive_pointers: archives.map(({ storeKey, imagePropertyIds }) => ({
      key: combination(imagePropertyIds.map((id) => keys.get(id) ?? id)),
      store_key: storeKey,
    })),
  };
}

/** The API may leave out rows that are for other variants; comparing them would find a difference every time (§6.5). */
function isFor(variantKey: string, variants: string | null): boolean {
  if (variants === null) return true;
  try {
    const list: unknown = JSON.parse(variants);
    return !Array.isArray(list) || list.includes(variantKey);
  } catch {
    return true;
  }
}

function withoutVariants({ variants: _, ...fields }: ImagePropertyPush): PropertyFields {
  return fields;
}

function combination(keys: readonly string[]): string {
  return [...keys].sort().join("+");
}

function propertyOfApi(property: ImageProperty): PropertyFields {
  return {
    key: property.key,
    keyGroup: property.keyGroup ?? null,
    displayName: property.displayName ?? null,
    displayGroup: property.displayGroup ?? null,
    isGroupDefault: property.isGroupDefault ?? null,
    defaultValue: property.defaultValue,
    description: property.description ?? null,
    dynamicValue: property.dynamicValue,
    uiType: uiWords[property.uiType] ?? "text",
    newArchive: property.newArchive,
    addCpuCores: property.addCpuCores ?? null,
    addMemoryBytes: property.addMemoryBytes ?? null,
    addDiskBytes: property.addDiskBytes ?? null,
  };
}

export const uiTypes = {
  switch: UiType.SWITCH,
  text: UiType.TEXT,
  password: UiType.PASSWORD,
  enum: UiType.ENUM,
} as const satisfies Record<ImagePropertyPush["uiType"], UiType>;

export const actions = {
  allow: FirewallAction.ALLOW,
  deny: FirewallAction.DROP,
  reject: FirewallAction.REJECT,
} as const satisfies Record<FirewallConfig["defaultIn"], FirewallAction>;

export const directions = { in: FirewallDirection.INBOUND, out: FirewallDirection.OUTBOUND } as const;

export const protocols = {
  tcp: FirewallProtocol.TCP,
  udp: FirewallProtocol.UDP,
  both: FirewallProtocol.BOTH,
} as const;

const uiWords = inverse(uiTypes);
const actionWords = inverse(actions);
const directionWords = inverse(directions);
const protocolWords = inverse(protocols);

function inverse<Word extends string>(
  numbers: Readonly<Record<Word, number>>,
): Readonly<Partial<Record<number, Word>>> {
  return Object.fromEntries(Object.entries(numbers).map(([word, number]) => [number, word]));
}

function firewallOfApi(firewall: ApiFirewall | undefined): FirewallConfig {
  return {
    defaultIn: actionWords[firewall?.defaultIn ?? 0] ?? "deny",
    defaultOut: actionWords[firewall?.defaultOut ?? 0] ?? "deny",
    rules: (firewall?.rules ?? []).map((rule) => ({
      key: rule.key,
      description: rule.description ?? null,
      protocol: protocolWords[rule.protocol] ?? "both",
      direction: directionWords[rule.direction] ?? "in",
      action: actionWords[rule.action] ?? "deny",
      ips: rule.ips.map(({ ip, name }) => ({ ip, name: name ?? null })),
      ports: rule.ports.map(({ port, name }) => ({ port, name: name ?? null })),
    })),
  };
}
