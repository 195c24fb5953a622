import assert from "node:assert/strict";
import { test } from "node:test";
import {
  archiveOf,
  effectiveVariant,
  nodeProperties,
  nodeResources,
  parseImage,
  validateImage,
  variantPush,
} from "../index.ts";
import { ACME } from "./acme.fixture.ts";

const parsed = parseImage(ACME);
const image = parsed.value!;
const variant = effectiveVariant(image, image.variants[0]!);

test("the example has no findings", () => {
  assert.deepEqual(validateImage(parsed, { purpose: "push" }), []);
});

test("rows pushed", () => {
  const push = variantPush(variant);
  assert.deepEqual(
    push.image.properties.map(({ key, keyGroup, displayGroup, displayName, isGroupDefault, uiType }) => [
      key,
      keyGroup,
      displayGroup,
      displayName,
      isGroupDefault,
      uiType,
    ]),
    [
      ["history-full", "history", "History", "Full", true, "enum"],
      ["history-pruned", "history", "History", "Pruned", false, "enum"],
      ["rpc-token", null, null, "RPC token", null, "password"],
      ["trace-off", "trace", "Tracing", null, true, "switch"],
      ["trace-on", "trace", "Tracing", null, false, "switch"],
    ],
  );
  assert.deepEqual(
    push.metadata.map(({ key, value }) => [key, value]),
    [
      ["node-type", "full"],
      ["network", "mainnet"],
      ["client", "acmed"],
    ],
  );
  assert.equal(push.image.minMemoryBytes, 16_000_000_000n);
  assert.equal(push.image.minDiskBytes, 1_000_000_000_000n);
  const on = push.image.properties.at(-1)!;
  assert.deepEqual(
    [on.addCpuCores, on.addMemoryBytes, on.addDiskBytes, on.newArchive],
    [2n, null, 500_000_000_000n, true],
  );
});

test("what the plugin sees", () => {
  assert.deepEqual(nodeProperties(variant), {
    values: { "rpc-token": "", trace: "off", history: "full" },
    problems: [],
  });
  assert.deepEqual(nodeProperties(variant, "{trace: on, history: pruned, rpc-token: 1.10}").values, {
    "rpc-token": "1.10",
    trace: "on",
    history: "pruned",
  });
  assert.deepEqual(nodeProperties(variant, '{"trace": "true"}'), {
    values: { "rpc-token": "", trace: "on", history: "full" },
    problems: [],
  });
});

test("wrong --props are named", () => {
  const problems = (props: string) => nodeProperties(variant, props).problems.map((one) => [one.kind, one.help]);
  assert.deepEqual(problems("{trase: on}"), [["unknown", "did you mean 'trace'?"]]);
  assert.deepEqual(problems("{history: most}"), [["value", "one of: full, pruned"]]);
  assert.deepEqual(problems("[a]"), [["syntax", `write them like '{"key": "value"}'`]]);
  assert.deepEqual(problems("{a: [1]}"), [["syntax", `write them like '{"key": "value"}'`]]);
  assert.deepEqual(problems("{a"), [["syntax", `write them like '{"key": "value"}'`]]);
});

test("resources and data set of a choice", () => {
  const table: [supplied: Record<string, string> | string[], cpu: number, diskGb: number, store: string][] = [
    [{}, 8, 1000, "acme-acmed-mainnet-full-v1"],
    [["history-pruned"], 8, 1000, "acme-acmed-mainnet-full-v1"],
    [{ trace: "on", history: "pruned" }, 10, 1200, "acme-acmed-mainnet-full-trace-v1"],
    [["trace-on", "history-pruned"], 10, 1200, "acme-acmed-mainnet-full-trace-v1"],
  ];
  for (const [supplied, cpu, diskGb, key] of table) {
    assert.deepEqual(nodeResources(variant, supplied), { cpu, memoryMb: 16000, diskGb });
    assert.deepEqual(archiveOf(variant, supplied), { kind: "store_key", key, implicit: false });
  }
});

test("an impossible combination needs no pointer; a possible one does", () => {
  const both = ACME.replace("on: { new", "off: { new_archive: true }\n      on: { new");
  const findings = validateImage(parseImage(both));
  assert.deepEqual(
    findings.map((one) => [one.code, one.help]),
    [
      [
        "NIB215",
        "add:\n- pointer: !store_key acme-acmed-mainnet-full-trace-off-v1\n  new_archive_properties: [trace-off]",
      ],
    ],
  );
});

test("without pointers and choices one archive is implied", () => {
  const text = ACME.replace(/ {4}archive_pointers:[\s\S]*/, "").replace("new_archive: true, ", "");
  const image = parseImage(text).value!;
  assert.deepEqual(validateImage(parseImage(text)), []);
  const push = variantPush(effectiveVariant(image, image.variants[0]!));
  assert.deepEqual(push.image.archivePointers, [
    { pointer: { kind: "store_key", key: "acme-acmed-mainnet-full" }, newArchiveProperties: [] },
  ]);
});

test("storage_key is short for one archive pointer", () => {
  const short = (key: string): string =>
    ACME.replace(/ {4}archive_pointers:[\s\S]*/, `    storage_key: ${key}\n`).replace("new_archive: true, ", "");
  const parsed = parseImage(short("acme-data-v1"));
  assert.deepEqual(validateImage(parsed), []);
  assert.deepEqual(parsed.value!.variants[0]!.archivePointers, [
    { pointer: { kind: "store_key", key: "acme-data-v1" }, newArchiveProperties: [] },
  ]);
  const findings = (text: string): unknown =>
    validateImage(parseImage(text)).map(({ code, range }) => [code, text.split("\n")[range!.start.line - 1]?.trim()]);
  assert.deepEqual(findings(short("Acme-Data")), [["NIB213", "storage_key: Acme-Data"]]);
  assert.deepEqual(findings(`${ACME}    storage_key: acme-data-v1\n`), [["NIB215", "storage_key: acme-data-v1"]]);
});
