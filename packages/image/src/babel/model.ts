/** `babel.yaml` after decoding (spec nib-and-images.md §3.2–3.8). Absent optional fields are `null`. */

export type Visibility = "private" | "public" | "development";
export type FirewallAction = "allow" | "deny" | "reject";

export interface Image {
  readonly version: string;
  readonly containerUri: string;
  readonly protocolKey: string;
  readonly orgId: string | null;
  readonly dnsScheme: string | null;
  readonly description: string | null;
  readonly visibility: Visibility;
  readonly variants: readonly Variant[];
  readonly properties: readonly Property[];
  readonly firewallConfig: FirewallConfig;
}

export interface Variant {
  readonly key: string;
  readonly skuCode: string;
  /** Cores. */
  readonly minCpu: number;
  /** 10⁶ bytes. */
  readonly minMemoryMb: number;
  /** 10⁹ bytes. */
  readonly minDiskGb: number;
  readonly metadata: readonly Metadata[] | null;
  readonly archivePointers: readonly ArchivePointer[];
  readonly ramdisks: readonly Ramdisk[];
  /** `null` = the image's value. The overrides replace it as a whole. */
  readonly dnsScheme: string | null;
  readonly description: string | null;
  readonly visibility: Visibility | null;
  readonly properties: readonly Property[] | null;
  readonly firewallConfig: FirewallConfig | null;
}

export interface Metadata {
  readonly key: string;
  readonly value: string;
  readonly description: string | null;
}

export interface ArchivePointer {
  readonly pointer: { readonly kind: "store_key"; readonly key: string } | { readonly kind: "combination_disallowed" };
  /** Expanded property keys (§3.5); empty = no `new_archive` property in effect. */
  readonly newArchiveProperties: readonly string[];
}

export interface Ramdisk {
  readonly mount: string;
  /** 10⁶ bytes. */
  readonly sizeMb: number;
}

export interface Property {
  readonly key: string;
  readonly name: string;
  readonly description: string | null;
  readonly dynamicValue: boolean;
  readonly defaultValue: string;
  readonly ui: Ui;
  /** Variant keys the property is shown for; `null` = all. */
  readonly variants: readonly string[] | null;
}

export type Ui =
  | { readonly kind: "text"; readonly impact: Impact | null }
  | { readonly kind: "password"; readonly impact: Impact | null }
  | { readonly kind: "switch"; readonly on: Impact | null; readonly off: Impact | null }
  | { readonly kind: "enum"; readonly options: readonly EnumOption[] };

export interface EnumOption {
  readonly value: string;
  readonly name: string;
  readonly impact: Impact | null;
}

/** What choosing a value costs; negative numbers give back. */
export interface Impact {
  readonly newArchive: boolean;
  readonly addCpu: number | null;
  readonly addMemoryMb: number | null;
  readonly addDiskGb: number | null;
}

export interface FirewallConfig {
  readonly defaultIn: FirewallAction;
  readonly defaultOut: FirewallAction;
  readonly rules: readonly FirewallRule[];
}

export interface FirewallRule {
  readonly key: string;
  readonly description: string | null;
  readonly protocol: "tcp" | "udp" | "both";
  readonly direction: "in" | "out";
  readonly action: FirewallAction;
  /** Empty = all addresses. */
  readonly ips: readonly { readonly ip: string; readonly name: string | null }[];
  /** Empty = all ports. */
  readonly ports: readonly { readonly port: number; readonly name: string | null }[];
}

/** One variant with the image's values and overrides applied (§3.11). */
export interface EffectiveVariant {
  readonly version: string;
  readonly containerUri: string;
  readonly protocolKey: string;
  readonly variantKey: string;
  readonly orgId: string | null;
  readonly skuCode: string;
  readonly minCpu: number;
  readonly minMemoryMb: number;
  readonly minDiskGb: number;
  /** Explicit entries, then what the variant key gives (§3.10). */
  readonly metadata: readonly Metadata[];
  readonly archivePointers: readonly ArchivePointer[];
  readonly ramdisks: readonly Ramdisk[];
  readonly dnsScheme: string | null;
  readonly description: string | null;
  readonly visibility: Visibility;
  readonly properties: readonly Property[];
  readonly firewallConfig: FirewallConfig;
}
