import { posix } from "node:path";
import { parseVersion } from "@blockvisor/image/version";
import { FirewallConfigSchema } from "@blockvisor/wire/blockjoy/common/v1/config";
import type { AddImageProperty, ImageServiceAddImageRequest } from "@blockvisor/wire/blockjoy/v1/image";
import { toBinary } from "@bufbuild/protobuf";
import type { Database } from "../database/open-database.ts";
import type { Viewer } from "../protocols/catalogue.ts";
import { seenBy } from "../protocols/catalogue.ts";
import { failedPrecondition, invalidArgument, notFound } from "../rpc-error.ts";
import { int8, key, optionalText, optionalUuid, positive, text, uuid } from "../wire-fields.ts";
import { archivesOf, combinationOf } from "./archive-pointers.ts";
import { checkedFirewall } from "./firewall.ts";
import { uiTypes } from "./image-model.ts";

const mostProperties = 512;
const mostRamdisks = 16;
const longestText = 16 * 1024;

/** A new build of a version, private until it is published (spec §2.8.1, CA-2.40, CA-2.41, CA-2.47). @returns its id */
export async function addImage(tx: Database, viewer: Viewer, request: ImageServiceAddImageRequest): Promise<string> {
  const fields = checkedFields(request);
  // The lock makes concurrent pushes count one after the other.
  const version = await tx
    .selectFrom("protocol_versions")
    .selectAll()
    .where("id", "=", uuid(request.protocolVersionId, "protocol_version_id"))
    .where(seenBy(viewer, "protocol_versions"))
    .forUpdate()
    .executeTakeFirst();
  if (version === undefined) throw notFound("Version");
  const { latest } = await tx
    .selectFrom("images")
    .select((row) => row.fn.max("build_version").as("latest"))
    .where("protocol_version_id", "=", version.id)
    .executeTakeFirstOrThrow();
  const orgId = optionalUuid(request.orgId, "org_id") ?? version.org_id;
  const image = await tx
    .insertInto("images")
    .values({
      ...fields.image,
      org_id: orgId,
      protocol_version_id: version.id,
      build_version: BigInt(latest ?? 0) + 1n,
    })
    .returning("id")
    .executeTakeFirstOrThrow();

  const ids = new Map<string, string>();
  for (const [position, property] of fields.properties.entries()) {
    const row = await tx
      .insertInto("image_properties")
      .values({ ...property, image_id: image.id, position })
      .returning("id")
      .executeTakeFirstOrThrow();
    ids.set(property.key, row.id);
  }
  const implicit = `${version.protocol_key}-${version.variant_key}`;
  for (const archive of archivesOf(fields.properties, request.archivePointers, implicit)) {
    const row = await tx
      .insertInto("archives")
      .values({
        image_id: image.id,
        org_id: orgId,
        store_key: archive.storeKey,
        combination: combinationOf(archive.keys),
      })
      .returning("id")
      .executeTakeFirstOrThrow();
    const links = archive.keys.map((name) => ({ archive_id: row.id, image_property_id: ids.get(name) ?? "" }));
    if (links.length > 0) await tx.insertInto("archive_properties").values(links).execute();
  }
  return image.id;
}

function checkedFields(request: ImageServiceAddImageRequest) {
  const minBabelVersion = request.minBabelVersion.toLowerCase();
  if (parseVersion(minBabelVersion) === undefined)
    throw invalidArgument("min_babel_version", "is not a semantic version");
  if (request.properties.length > mostProperties)
    throw invalidArgument("properties", `has more than ${mostProperties} entries`);
  const properties = request.properties.map(checkedProperty);
  checkGroups(properties);
  return {
    properties,
    image: {
      image_uri: text(request.imageUri, "image_uri", { min: 1, max: 2048 }),
      description: optionalText(request.description, "description", longestText),
      min_cpu_cores: positive(request.minCpuCores, "min_cpu_cores"),
      min_memory_bytes: positive(request.minMemoryBytes, "min_memory_bytes"),
      min_disk_bytes: positive(request.minDiskBytes, "min_disk_bytes"),
      ramdisks: JSON.stringify(checkedRamdisks(request)),
      firewall: toBinary(FirewallConfigSchema, checkedFirewall(request.firewall)),
      min_babel_version: minBabelVersion,
      dns_scheme: optionalText(request.dnsScheme, "dns_scheme", 32),
    },
  };
}

function checkedRamdisks(request: ImageServiceAddImageRequest) {
  if (request.ramdisks.length > mostRamdisks)
    throw invalidArgument("ramdisks", `has more than ${mostRamdisks} entries`);
  const mounts = new Set<string>();
  return request.ramdisks.map(({ mount, sizeBytes }) => {
    text(mount, "ramdisks.mount", { min: 2, max: 1024 });
    if (!mount.startsWith("/") || posix.normalize(mount) !== mount) {
      throw invalidArgument("ramdisks.mount", `'${mount}' is not a plain absolute path`);
    }
    if (mounts.has(mount)) throw invalidArgument("ramdisks.mount", `'${mount}' is given twice`);
    mounts.add(mount);
    return { mount, sizeBytes: positive(sizeBytes, "ramdisks.size_bytes").toString() };
  });
}

function checkedProperty(property: AddImageProperty) {
  const name = key(property.key, "properties.key");
  const uiType = Object.entries(uiTypes).find(([, type]) => type === property.uiType)?.[0];
  if (uiType === undefined) throw invalidArgument("ui_type", `property '${name}' has none`);
  const group = property.keyGroup === undefined ? null : key(property.keyGroup, "properties.key_group");
  const add = (value: bigint | undefined, field: string) => (value === undefined ? null : int8(value, field));
  return {
    key: name,
    key_group: group,
    is_group_default: property.isGroupDefault ?? null,
    new_archive: property.newArchive,
    default_value: text(property.defaultValue, "properties.default_value", { max: 8192 }),
    dynamic_value: property.dynamicValue,
    ui_type: uiType as keyof typeof uiTypes,
    display_name: optionalText(property.displayName, "properties.display_name", 256),
    display_group: optionalText(property.displayGroup, "properties.display_group", 256),
    description: optionalText(property.description, "properties.description", longestText),
    add_cpu_cores: add(property.addCpuCores, "add_cpu_cores"),
    add_memory_bytes: add(property.addMemoryBytes, "add_memory_bytes"),
    add_disk_bytes: add(property.addDiskBytes, "add_disk_bytes"),
    variants: property.variants === undefined ? null : checkedVariants(property.variants, name),
  };
}

function checkedVariants(json: string, property: string): string {
  const wrong = invalidArgument("properties.variants", `of '${property}' is not a JSON array of variant keys`);
  let variants: unknown;
  try {
    variants = JSON.parse(json);
  } catch {
    throw wrong;
  }
  if (!Array.isArray(variants) || variants.length === 0) throw wrong;
  return JSON.stringify(variants.map((variant: unknown) => key(String(variant), "properties.variants")));
}

function checkGroups(properties: readonly ReturnType<typeof checkedProperty>[]): void {
  const names = new Set<string>();
  for (const { key: name } of properties) {
    if (names.has(name)) throw invalidArgument("properties.key", `'${name}' is given twice`);
    names.add(name);
  }
  for (const group of new Set(properties.flatMap(({ key_group }) => key_group ?? []))) {
    const members = properties.filter(({ key_group }) => key_group === group);
    // Groups limited to some variants each need a default of their own; nib checks that before it pushes.
    const defaults = members.filter(({ is_group_default }) => is_group_default === true);
    if (defaults.length !== 1)
      throw failedPrecondition(
        `is_group_default: group '${group}' has ${defaults.length} defaults, it needs exactly one`,
      );
    if (new Set(members.map((member) => member.default_value)).size !== members.length) {
      throw invalidArgument("properties.default_value", `two members of group '${group}' have the same value`);
    }
    if (names.has(group)) throw invalidArgument("properties.key_group", `'${group}' is also the key of a property`);
  }
}
