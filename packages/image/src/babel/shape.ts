import { type Field, list, mapped, nothing, record, tagged } from "../yaml/collections.ts";
import { boolean, integer, nullable, text, uuid, word } from "../yaml/scalars.ts";
import { type JsonSchema, jsonSchema, type Shape } from "../yaml/shape.ts";
import type {
  ArchivePointer,
  EnumOption,
  FirewallConfig,
  FirewallRule,
  Image,
  Impact,
  Metadata,
  Property,
  Ramdisk,
  Ui,
  Variant,
  Visibility,
} from "./model.ts";

/*
 * The model of `babel.yaml` (spec nib-and-images.md §3.2–3.8), once: decoding, JSON Schema and editor help come from it.
 */

const KEY = { type: "string", pattern: "^[a-z0-9-]{3,}$" };
const MOST = Number.MAX_SAFE_INTEGER;

const count = (schema: JsonSchema = {}) => integer(0, MOST, schema);
const optionalCount = (yaml: string, doc: string): Field<number | null> => ({
  yaml,
  doc,
  shape: nullable(integer(-MOST, MOST)),
  absent: { value: null },
});
const optionalText = (yaml: string, doc: string): Field<string | null> => ({
  yaml,
  doc,
  shape: nullable(text()),
  absent: { value: null },
});

export const visibility = word(["public", "private", "development"]);
const action = word(["allow", "deny", "reject"]);

const VISIBILITY_DOC =
  "who sees it: `public` everyone, `private` administrators, `development` developers of the platform";

const impact: Shape<Impact> = record<Impact>(
  {
    newArchive: {
      yaml: "new_archive",
      doc: "the choice needs a data set of its own; see archive_pointers",
      shape: boolean(),
      absent: { value: false },
    },
    addCpu: optionalCount("add_cpu", "cores on top of min_cpu; may be negative"),
    addMemoryMb: optionalCount("add_memory_mb", "megabytes (10^6) on top of min_memory_mb; may be negative"),
    addDiskGb: optionalCount("add_disk_gb", "gigabytes (10^9) on top of min_disk_gb; may be negative"),
  },
  {
    definition: "impact",
    doc: "what choosing the value costs; it never brings a node below the minimum",
    legacy: {
      add_memory_bytes: "write add_memory_mb (10^6 bytes)",
      add_disk_bytes: "write add_disk_gb (10^9 bytes)",
      add_disk_bg: "write add_disk_gb",
    },
  },
);

const SWITCH_LEGACY = {
  impact: "put the impact directly below on: or off:",
  value: "the values are always on and off",
};

const switchImpact = nullable(impact);

const enumOption = record<EnumOption>(
  {
    value: { yaml: "value", doc: "what the plugin gets; lower case, digits and dashes", shape: text(KEY) },
    name: { yaml: "name", doc: "shown to users", shape: text() },
    impact: { yaml: "impact", doc: "what choosing it costs", shape: nullable(impact), absent: { value: null } },
  },
  { definition: "enumOption", doc: "one option of an enum" },
);

const switchSides = record<{ on: Impact | null; off: Impact | null }>(
  {
    on: { yaml: "on", doc: "cost of switching it on", shape: switchImpact, absent: { value: null } },
    off: { yaml: "off", doc: "cost of switching it off", shape: switchImpact, absent: { value: null } },
  },
  { definition: "switch", doc: "the two sides of a switch", allowNull: true, legacy: SWITCH_LEGACY },
);

const ui = tagged<Ui>([
  { tag: "text", content: mapped(nullable(impact), (value): Ui => ({ kind: "text", impact: value })) },
  { tag: "password", content: mapped(nullable(impact), (value): Ui => ({ kind: "password", impact: value })) },
  { tag: "switch", content: mapped(switchSides, (sides): Ui => ({ kind: "switch", ...sides })) },
  { tag: "enum", content: mapped(list(enumOption), (options): Ui => ({ kind: "enum", options })) },
]);

const property = record<Property>(
  {
    key: { yaml: "key", doc: 'unique; the plugin reads it as node_params()["<key>"]', shape: text(KEY) },
    name: { yaml: "name", doc: "shown to users", shape: text() },
    description: optionalText("description", "shown to users"),
    dynamicValue: { yaml: "dynamic_value", doc: "may be changed after the node was created", shape: boolean() },
    defaultValue: {
      yaml: "default_value",
      doc: "on or off for a switch, one of the options for an enum",
      shape: text(),
    },
    ui: { yaml: "ui_type", doc: "!text, !password, !switch or !enum with its impact on resources", shape: ui },
    variants: {
      yaml: "variants",
      doc: "variant keys it is shown for; absent = all",
      shape: nullable(list(text(KEY))),
      absent: { value: null },
    },
  },
  {
    definition: "property",
    doc: "something the user of a node can choose",
    legacy: { required: "properties always have a default_value" },
  },
);

const firewallRule = record<FirewallRule>(
  {
    key: { yaml: "key", doc: "unique name of the rule", shape: text({ type: "string", pattern: "^[a-z0-9-]+$" }) },
    description: optionalText("description", "what the rule is for"),
    protocol: { yaml: "protocol", doc: "tcp, udp or both", shape: word(["tcp", "udp", "both"]) },
    direction: { yaml: "direction", doc: "in or out", shape: word(["in", "out"]) },
    action: { yaml: "action", doc: "allow, deny or reject", shape: action },
    ips: {
      yaml: "ips",
      doc: "addresses and networks the rule is for; empty = all",
      absent: { value: [] },
      shape: list(
        record<{ ip: string; name: string | null }>(
          {
            ip: { yaml: "ip", doc: "address or network, e.g. 10.0.0.0/8", shape: text(), examples: ["0.0.0.0/0"] },
            name: optionalText("name", "for people"),
          },
          { definition: "firewallIp", doc: "an address or network" },
        ),
      ),
    },
    ports: {
      yaml: "ports",
      doc: "ports the rule is for; empty = all",
      shape: list(
        record<{ port: number; name: string | null }>(
          {
            port: { yaml: "port", doc: "one port", shape: integer(0, 65535), examples: [30303] },
            name: optionalText("name", "for people"),
          },
          { definition: "firewallPort", doc: "a port" },
        ),
      ),
    },
  },
  { definition: "firewallRule", doc: "one firewall rule" },
);

const firewallConfig = record<FirewallConfig>(
  {
    defaultIn: { yaml: "default_in", doc: "for incoming traffic that no rule matches", shape: action },
    defaultOut: { yaml: "default_out", doc: "for outgoing traffic that no rule matches", shape: action },
    rules: { yaml: "rules", doc: "may be empty", shape: list(firewallRule) },
  },
  { definition: "firewall", doc: "which traffic a node may have" },
);

const pointer = tagged<ArchivePointer["pointer"]>(
  [
    {
      tag: "store_key",
      content: mapped(text({ type: "string", pattern: "^[a-z0-9-]{6,}$" }), (key): ArchivePointer["pointer"] => ({
        kind: "store_key",
        key,
      })),
    },
    {
      tag: "combination_disallowed",
      content: nothing<ArchivePointer["pointer"]>({ kind: "combination_disallowed" }),
      bare: true,
    },
  ],
  { legacy: { store_id: "store_key" } },
);

const LEGACY_KEY = "no longer used; remove it";

const archivePointer = record<ArchivePointer>(
  {
    pointer: { yaml: "pointer", doc: "!store_key <key> of the data set, or !combination_disallowed", shape: pointer },
    newArchiveProperties: {
      yaml: "new_archive_properties",
      doc: "the combination: expanded keys such as <switch>-on or <enum>-<value>",
      shape: list(text()),
      absent: { value: [] },
    },
  },
  {
    definition: "archivePointer",
    doc: "which data set a combination of properties uses",
    legacy: { legacy_store_key: LEGACY_KEY, legacy_store_id: LEGACY_KEY },
  },
);

const BYTES_LEGACY = {
  min_memory_bytes: "write min_memory_mb (10^6 bytes)",
  min_disk_bytes: "write min_disk_gb (10^9 bytes)",
};

/** A variant as it is written: with a short form for the one data set of images without choices. */
type WrittenVariant = Variant & { readonly storageKey: string | null };

const writtenVariant = record<WrittenVariant>(
  {
    key: { yaml: "key", doc: "the plugin reads it as node_env().node_variant", shape: text(KEY) },
    skuCode: {
      yaml: "sku_code",
      doc: "billing code: chain and client, node type, network type",
      shape: text({ type: "string", pattern: "^[A-Z0-9]+-[A-Z0-9]+-[A-Z0-9]+$" }),
      examples: ["ETHRETH-F-MN"],
    },
    minCpu: { yaml: "min_cpu", doc: "cores", shape: count() },
    minMemoryMb: { yaml: "min_memory_mb", doc: "megabytes (10^6 bytes)", shape: count() },
    minDiskGb: { yaml: "min_disk_gb", doc: "gigabytes (10^9 bytes)", shape: count() },
    metadata: {
      yaml: "metadata",
      doc: "groups variants for users; by default node-type, network and client come from the variant key",
      absent: { value: null },
      shape: nullable(
        list(
          record<Metadata>(
            {
              key: { yaml: "key", doc: "for example network", shape: text(KEY) },
              value: { yaml: "value", doc: "for example mainnet", shape: text() },
              description: optionalText("description", "shown to users"),
            },
            { definition: "metadata", doc: "a fact about the variant" },
          ),
        ),
      ),
    },
    archivePointers: {
      yaml: "archive_pointers",
      doc: "data sets; one pointer per combination of new_archive properties",
      shape: list(archivePointer),
      absent: { value: [] },
    },
    storageKey: {
      yaml: "storage_key",
      doc: "short for one entry of archive_pointers, without new_archive_properties",
      shape: nullable(text({ type: "string", pattern: "^[a-z0-9-]{6,}$" })),
      absent: { value: null },
    },
    ramdisks: {
      yaml: "ramdisks",
      doc: "file systems in memory",
      absent: { value: [] },
      shape: list(
        record<Ramdisk>(
          {
            mount: { yaml: "mount", doc: "absolute path in the node", shape: text() },
            sizeMb: { yaml: "size_mb", doc: "megabytes (10^6 bytes)", shape: count() },
          },
          {
            definition: "ramdisk",
            doc: "a file system in memory",
            legacy: { size_bytes: "write size_mb (10^6 bytes)" },
          },
        ),
      ),
    },
    dnsScheme: optionalText("dns_scheme", "overrides the image's dns_scheme"),
    description: optionalText("description", "overrides the image's description"),
    visibility: {
      yaml: "visibility",
      doc: `overrides the image's visibility; ${VISIBILITY_DOC}`,
      shape: nullable(visibility),
      absent: { value: null },
    },
    properties: {
      yaml: "properties",
      doc: "replaces the image's list as a whole",
      shape: nullable(list(property)),
      absent: { value: null },
    },
    firewallConfig: {
      yaml: "firewall_config",
      doc: "replaces the image's firewall_config as a whole",
      shape: nullable(firewallConfig),
      absent: { value: null },
    },
  },
  { definition: "variant", doc: "one implementation, network or kind of node", legacy: BYTES_LEGACY },
);

const variant: Shape<Variant> = {
  ...writtenVariant,
  decode(decoder, node, path) {
    const { storageKey, ...written } = writtenVariant.decode(decoder, node, path);
    if (storageKey === null) return written;
    const place = `${path}.storage_key`;
    if (written.archivePointers.length > 0) {
      decoder.fail(place, {
        code: "NIB215",
        message: "storage_key and archive_pointers say the same thing twice",
        help: "keep archive_pointers, which can also say what combinations of properties use",
      });
      return written;
    }
    // What is found about the pointer is found where its key is written.
    const range = decoder.rangeAt(place);
    const pointers = `${path}.archive_pointers`;
    for (const at of [pointers, `${pointers}[0]`, `${pointers}[0].pointer`]) decoder.ranges.set(at, range);
    return {
      ...written,
      archivePointers: [{ pointer: { kind: "store_key", key: storageKey }, newArchiveProperties: [] }],
    };
  },
};

export const imageShape: Shape<Image> = record<Image>(
  {
    version: {
      yaml: "version",
      doc: "semantic version of the image, for all variants",
      shape: text(),
      examples: ["0.0.1"],
    },
    containerUri: {
      yaml: "container_uri",
      doc: "where the container image is, for all variants",
      shape: text({ type: "string", minLength: 1 }),
      examples: ["docker://ghcr.io/org/image:v1", "docker-daemon://image:latest"],
    },
    protocolKey: { yaml: "protocol_key", doc: "key of a protocol that was pushed before", shape: text(KEY) },
    orgId: {
      yaml: "org_id",
      doc: "UUID of the organisation that owns the image; null = public",
      shape: nullable(uuid()),
      absent: { value: null },
    },
    dnsScheme: optionalText("dns_scheme", "URL scheme users see for the node, e.g. https or wss"),
    description: optionalText("description", "shown to users"),
    visibility: { yaml: "visibility", doc: VISIBILITY_DOC, shape: visibility as Shape<Visibility> },
    variants: { yaml: "variants", doc: "at least one", shape: list(variant) },
    properties: { yaml: "properties", doc: "what users can choose; [] for nothing", shape: list(property) },
    firewallConfig: { yaml: "firewall_config", doc: "which traffic a node may have", shape: firewallConfig },
  },
  {
    doc: "metadata of a node image, read by nib",
    helperKeys: true,
    legacy: { sku_code: "the billing code is a field of each variant" },
  },
);

/** JSON Schema of `babel.yaml` for editors. It cannot see YAML tags: those are checked by nib. */
export function babelSchema(): JsonSchema {
  return jsonSchema(imageShape as Shape<unknown>, { title: "babel.yaml" });
}
