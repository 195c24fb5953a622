import assert from "node:assert/strict";
import { test } from "node:test";
import { carriedValues, type NewValue, type PropertyRow, resolveValues } from "./property-values.ts";

const property = (key: string, more: Partial<PropertyRow> = {}): PropertyRow => ({
  id: key,
  key,
  key_group: null,
  is_group_default: null,
  default_value: "",
  dynamic_value: false,
  ui_type: "text",
  new_archive: false,
  add_cpu_cores: null,
  add_memory_bytes: null,
  add_disk_bytes: null,
  ...more,
});
const member = (group: string, value: string, more: Partial<PropertyRow> = {}) =>
  property(`${group}-${value}`, {
    key_group: group,
    default_value: value,
    ui_type: "enum",
    is_group_default: false,
    ...more,
  });

const properties = [
  property("moniker"),
  member("network", "mainnet", { is_group_default: true }),
  member("network", "sepolia"),
  member("metrics", "on", { ui_type: "switch" }),
  member("metrics", "off", { ui_type: "switch", is_group_default: true }),
];
const resolved = (...given: NewValue[]) =>
  resolveValues(properties, given).map(({ property: { key }, value, changed }) => [key, value, changed]);
const value = (key: string, text: string): NewValue => ({ key, value: text });

test("nothing given: defaults, and one member of every group", () => {
  assert.deepEqual(resolved(), [
    ["moniker", "", false],
    ["network-mainnet", "mainnet", false],
    ["metrics-off", "off", false],
  ]);
});

test("a member is chosen by its key, with its own value or none, or by group and value", () => {
  for (const given of [
    value("network-sepolia", "sepolia"),
    value("network-sepolia", ""),
    value("network", "sepolia"),
    value("network", "network-sepolia"),
  ]) {
    assert.deepEqual(resolved(given)[1], ["network-sepolia", "sepolia", true], JSON.stringify(given));
  }
  for (const given of [
    value("metrics", "true"),
    value("metrics", "1"),
    value("metrics", "on"),
    value("metrics-on", "true"),
  ]) {
    assert.deepEqual(resolved(given)[2], ["metrics-on", "on", true], JSON.stringify(given));
  }
});

test("the last choice of a group counts; saying the default aloud changes nothing", () => {
  assert.deepEqual(resolved(value("network", "sepolia"), value("network", "mainnet"))[1], [
    "network-mainnet",
    "mainnet",
    false,
  ]);
  assert.deepEqual(resolved(value("moniker", ""))[0], ["moniker", "", false]);
  assert.deepEqual(resolved(value("moniker", "me"))[0], ["moniker", "me", true]);
});

test("what cannot be is refused, with what can", () => {
  const refused = (given: NewValue, message: string) =>
    assert.throws(
      () => resolved(given),
      (error: Error) => error.message === `[invalid_argument] new_values: ${message}`,
    );
  refused(value("network", "goerli"), "'goerli' is not a value of 'network'; it has mainnet, sepolia");
  refused(
    value("network-sepolia", "mainnet"),
    "'network-sepolia' is chosen by its own value 'sepolia', not by 'mainnet'",
  );
  refused(value("colour", "red"), "there is no property 'colour'; the image has moniker, network, metrics");
  refused(value("moniker", "x".repeat(9000)), "'moniker' has more than 8192 characters");
});

test("an upgrade carries decisions, not defaults", () => {
  const older = [...properties, property("gone"), property("kept", { default_value: "old" })];
  const newer = [...properties, property("kept", { default_value: "new" })];
  const current = [
    { key: "moniker", value: "me" },
    { key: "network-sepolia", keyGroup: "network", value: "sepolia" },
    { key: "metrics-off", keyGroup: "metrics", value: "off" },
    { key: "gone", value: "x" },
    { key: "kept", value: "old" },
  ];
  assert.deepEqual(carriedValues(older, newer, current), [value("moniker", "me"), value("network-sepolia", "sepolia")]);
});

test("an upgrade fails when the new image lacks what was chosen", () => {
  const newer = properties.filter(({ key }) => key !== "network-sepolia");
  const current = [{ key: "network-sepolia", keyGroup: "network", value: "sepolia" }];
  assert.throws(
    () => carriedValues(properties, newer, current),
    /\[failed_precondition\] The image has no 'network-sepolia', which the node uses for 'network'\./,
  );
});
