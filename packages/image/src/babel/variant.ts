import type { EffectiveVariant, Image, Metadata, Variant } from "./model.ts";

export type PickedVariant =
  | { readonly kind: "picked"; readonly variant: Variant; readonly index: number }
  | { readonly kind: "unknown" | "ambiguous" | "none"; readonly message: string; readonly help: string };

/** The variant a command works on (spec nib-and-images.md §5.1). */
export function pickVariant(image: Image, key: string | undefined): PickedVariant {
  const keys = image.variants.map((variant) => variant.key);
  const list = keys.join(", ");
  if (keys.length === 0) return { kind: "none", message: "no variants are defined", help: "add one below `variants:`" };
  if (key === undefined && keys.length > 1) {
    return {
      kind: "ambiguous",
      message: "multiple variants found, please choose one",
      help: `--variant with one of: ${list}`,
    };
  }
  const index = key === undefined ? 0 : keys.indexOf(key);
  const variant = image.variants[index];
  if (!variant)
    return { kind: "unknown", message: `variant '${key}' is not defined`, help: `--variant with one of: ${list}` };
  return { kind: "picked", variant, index };
}

/** The variant with everything the image gives it: overrides replace as a whole (§3.11). */
export function effectiveVariant(image: Image, variant: Variant): EffectiveVariant {
  return {
    version: image.version,
    containerUri: image.containerUri,
    protocolKey: image.protocolKey,
    variantKey: variant.key,
    orgId: image.orgId,
    skuCode: variant.skuCode,
    minCpu: variant.minCpu,
    minMemoryMb: variant.minMemoryMb,
    minDiskGb: variant.minDiskGb,
    metadata: effectiveMetadata(variant),
    archivePointers: variant.archivePointers,
    ramdisks: variant.ramdisks,
    dnsScheme: variant.dnsScheme ?? image.dnsScheme,
    description: variant.description ?? image.description,
    visibility: variant.visibility ?? image.visibility,
    properties: variant.properties ?? image.properties,
    firewallConfig: variant.firewallConfig ?? image.firewallConfig,
  };
}

/** A variant key cut at `-` from the right: node type, network, and all the rest as the client (§2.2). */
export function variantKeyParts(key: string): {
  readonly client: string | null;
  readonly network: string | null;
  readonly nodeType: string;
} {
  const parts = key.split("-");
  const nodeType = parts.pop() ?? "";
  const network = parts.pop() ?? null;
  return { client: parts.length > 0 ? parts.join("-") : null, network, nodeType };
}

function effectiveMetadata(variant: Variant): readonly Metadata[] {
  const explicit = variant.metadata ?? [];
  const parts = variantKeyParts(variant.key);
  const derived: [string, string | null][] = [
    ["node-type", parts.nodeType],
    ["network", parts.network],
    ["client", parts.client],
  ];
  return [
    ...explicit,
    ...derived
      .filter(([key, value]) => value !== null && !explicit.some((entry) => entry.key === key))
      .map(([key, value]) => ({ key, value: value ?? "", description: null })),
  ];
}
