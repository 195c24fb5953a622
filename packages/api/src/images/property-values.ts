import { failedPrecondition, invalidArgument } from "../rpc-error.ts";
import { shorten } from "../wire-fields.ts";

/** What the resolution of values needs to know about a property of an image. */
export interface PropertyRow {
  readonly id: string;
  readonly key: string;
  readonly key_group: string | null;
  readonly is_group_default: boolean | null;
  readonly default_value: string;
  readonly dynamic_value: boolean;
  readonly ui_type: "switch" | "text" | "password" | "enum";
  readonly new_archive: boolean;
  readonly add_cpu_cores: bigint | null;
  readonly add_memory_bytes: bigint | null;
  readonly add_disk_bytes: bigint | null;
}

export interface NewValue {
  readonly key: string;
  readonly value: string;
}

export interface PropertyValue {
  readonly property: PropertyRow;
  readonly value: string;
  /** differs from what the image has by default (CA-5.4): only then it costs resources or selects an archive */
  readonly changed: boolean;
}

const longestValue = 8 * 1024;
const mostValues = 256;

/**
 * The values a node runs with (spec §5.2 with CA-5.2 – CA-5.4): every ungrouped property, and of each group exactly one member.
 * A group member can be chosen by its own key, or by group and value as people type it (`network` = `sepolia`).
 * @param field wire name for messages
 */
export function resolveValues(
  properties: readonly PropertyRow[],
  given: readonly NewValue[],
  field = "new_values",
): readonly PropertyValue[] {
  if (given.length > mostValues) throw invalidArgument(field, `has more than ${mostValues} values`);
  const texts = new Map<string, string>();
  const chosen = new Map<string, PropertyRow>();
  for (const property of properties) {
    if (property.key_group === null) texts.set(property.key, property.default_value);
    else if (property.is_group_default === true) chosen.set(property.key_group, property);
  }
  for (const { key, value } of given) {
    if (value.length > longestValue)
      throw invalidArgument(field, `'${shorten(key)}' has more than ${longestValue} characters`);
    const property = findProperty(properties, key, value, field);
    if (property.key_group === null) texts.set(property.key, value);
    else chosen.set(property.key_group, property);
  }
  return properties.flatMap((property): PropertyValue[] => {
    if (property.key_group === null) {
      const value = texts.get(property.key) ?? property.default_value;
      return [{ property, value, changed: value !== property.default_value }];
    }
    if (chosen.get(property.key_group) !== property) return [];
    return [{ property, value: property.default_value, changed: property.is_group_default !== true }];
  });
}

function findProperty(properties: readonly PropertyRow[], key: string, value: string, field: string): PropertyRow {
  const direct = properties.find((property) => property.key === key);
  if (direct !== undefined) {
    if (direct.key_group !== null && value !== "" && normal(direct, value) !== direct.default_value) {
      throw invalidArgument(
        field,
        `'${key}' is chosen by its own value '${direct.default_value}', not by '${shorten(value)}'`,
      );
    }
    return direct;
  }
  const members = properties.filter((property) => property.key_group === key);
  const member = members.find(
    (property) => property.default_value === normal(property, value) || property.key === value,
  );
  if (member !== undefined) return member;
  if (members.length > 0) {
    const options = members.map((property) => property.default_value).join(", ");
    throw invalidArgument(field, `'${shorten(value)}' is not a value of '${key}'; it has ${options}`);
  }
  const known = [...new Set(properties.map((property) => property.key_group ?? property.key))].join(", ");
  throw invalidArgument(
    field,
    `there is no property '${shorten(key)}'; the image has ${known === "" ? "none" : known}`,
  );
}

/** Switches are `on` or `off`; consoles and people also say true, false, 1 and 0 (CA-2.43). */
function normal(property: PropertyRow, value: string): string {
  if (property.ui_type !== "switch") return value;
  if (value === "true" || value === "1" || value === "on") return property.default_value === "true" ? "true" : "on";
  if (value === "false" || value === "0" || value === "off")
    return property.default_value === "false" ? "false" : "off";
  return value;
}

/**
 * What a node's owner decided, to be taken to another image (spec §5.6, CA-5.1): a group's choice counts when it is not the
 * default member, though its value always equals its own default.
 * @throws FAILED_PRECONDITION when the new image does not have a chosen group member
 */
export function carriedValues(
  oldProperties: readonly PropertyRow[],
  newProperties: readonly PropertyRow[],
  current: readonly { readonly key: string; readonly keyGroup?: string; readonly value: string }[],
): readonly NewValue[] {
  return current.flatMap(({ key, keyGroup, value }): NewValue[] => {
    const old = oldProperties.find((property) => property.key === key);
    const decided =
      old === undefined || (keyGroup === undefined ? value !== old.default_value : old.is_group_default !== true);
    if (!decided) return [];
    const target = newProperties.find((property) => property.key === key);
    if (target !== undefined && (target.key_group ?? undefined) === keyGroup) return [{ key, value }];
    if (keyGroup === undefined) return [];
    throw failedPrecondition(`The image has no '${key}', which the node uses for '${keyGroup}'.`);
  });
}
