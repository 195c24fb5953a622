import assert from "node:assert/strict";
import { test } from "node:test";
import { ACME } from "../babel/acme.fixture.ts";
import { parseImage } from "../index.ts";

/** Replaces a line of the example and says what became of it. */
function parseWith(from: string, to: string) {
  assert.ok(ACME.includes(from), `the example has no ${from}`);
  return parseImage(ACME.replace(from, to));
}

const codesOf = (parsed: ReturnType<typeof parseImage>) =>
  parsed.diagnostics.map((one) => `${one.severity} ${one.code}`);

test("text fields keep what the file says", () => {
  const table: [string, string][] = [
    ["true", "true"],
    ["30", "30"],
    ["1.10", "1.10"],
    ["0x10", "0x10"],
    ["null", "null"],
    ["~", "~"],
    ["off", "off"],
    ["yes", "yes"],
    ["", ""],
    ["!foo 5", "5"],
    ["!!str 5", "5"],
    ["'null'", "null"],
    ['"1.0"', "1.0"],
  ];
  for (const [written, expected] of table) {
    const parsed = parseWith("name: Tracing", `name: ${written}`);
    assert.equal(parsed.value?.properties[1]?.name, expected, written);
  }
});

test("optional text: nothing is absent, everything else is text", () => {
  for (const [written, expected] of [
    ["null", null],
    ["~", null],
    ["", null],
    ["5", "5"],
    ["'null'", "null"],
  ] as const) {
    assert.equal(parseWith("version: 1.2.0", `version: 1.2.0\ndescription: ${written}`).value?.description, expected);
  }
  assert.equal(parseImage(ACME).value?.description, null);
});

test("what does not decode is one error with its place", () => {
  const table: [from: string, to: string, expected: string, place: string][] = [
    ["name: Tracing", "name: [a]", "NIB103", "9:11"],
    ["min_cpu: 8", 'min_cpu: "8"', "NIB103", "24:14"],
    ["min_cpu: 8", "min_cpu: 1.5", "NIB103", "24:14"],
    ["min_cpu: 8", "min_cpu: 1_000", "NIB103", "24:14"],
    ["min_cpu: 8", "min_cpu: -1", "NIB103", "24:14"],
    ["min_cpu: 8", "min_cpus: 8", "NIB104 NIB102", "24:5"],
    ["dynamic_value: false", "dynamic_value: yes", "NIB103", "10:20"],
    ["dynamic_value: false", 'dynamic_value: "true"', "NIB103", "10:20"],
    ["visibility: public", "visibility: Public", "NIB103", "4:13"],
    ["archive_pointers:\n", "ramdisks: null\n    archive_pointers:\n", "NIB103", "27:15"],
    ["ui_type: !password", "ui_type: text", "NIB106", "7:89"],
    ["ui_type: !password", "ui_type: { text: {} }", "NIB106", "7:89"],
    ["ui_type: !password", "ui_type: !Text", "NIB106", "7:89"],
    ["ui_type: !password", "ui_type: !!text", "NIB106", "7:96"],
    ["ui_type: !password", "ui_type: !number", "NIB106", "7:89"],
    ["pointer: !store_key acme-acmed-mainnet-full-v1", "pointer: other", "NIB106", "28:18"],
    ["pointer: !store_key acme-acmed-mainnet-full-v1", "pointer: !store_id a", "NIB106", "28:18"],
    ["version: 1.2.0", "version: 1.2.0\nversion: 1", "NIB107", "2:1"],
    ["version: 1.2.0", "version: 1.2.0\norg_id: ''", "NIB103", "2:9"],
    ["version: 1.2.0", "version: *nope", "NIB101", "1:10"],
    ["version: 1.2.0", "\ufeffversion: 1.2.0", "NIB101", "1:1"],
    ["version: 1.2.0", "version: [1", "NIB101", "2:1"],
  ];
  for (const [from, to, expected, place] of table) {
    const parsed = parseWith(from, to);
    assert.equal(parsed.value, undefined, to);
    assert.deepEqual(parsed.diagnostics.map((one) => one.code).join(" "), expected, to);
    const { line, column } = parsed.diagnostics[0]!.range!.start;
    assert.equal(`${line}:${column}`, place, to);
  }
});

test("what other YAML readers refuse or change is accepted", () => {
  const table: [from: string, to: string][] = [
    ["visibility: public", "visibility: !public"],
    ["version: 1.2.0", "x-base: &b\n  any: thing\nversion: 1.2.0"],
    ["version: 1.2.0", "version: 1.2.0\r"],
    ["pointer: !store_key acme-acmed-mainnet-full-v1", "pointer: combination_disallowed"],
    ["ui_type: !password", "ui_type: !text null"],
    ["ui_type: !password", "ui_type: !text {}"],
    ["ui_type: !password", "ui_type: !switch"],
    ["ui_type: !password", "ui_type: !enum []"],
    ["min_cpu: 8", "min_cpu: 0x8"],
    ["min_cpu: 8", "metadata: null\n    properties: ~\n    min_cpu: 8"],
  ];
  for (const [from, to] of table) assert.deepEqual(codesOf(parseWith(from, to)), [], to);
});

test("an alias stands for a tagged node", () => {
  const parsed = parseImage(
    ACME.replace("ui_type: !switch\n", "ui_type: &u !switch\n").replace("ui_type: !enum\n", "ui_type: *u\n    old:\n"),
  );
  assert.deepEqual(parsed.value?.properties[2]?.ui, parsed.value?.properties[1]?.ui);
});

test("typos, merge keys and doubtful texts are warnings", () => {
  const table: [from: string, to: string, expected: string][] = [
    ["add_disk_gb: 500", "add_disk_gd: 500", "add_disk_gb"],
    ["name: Tracing", "name: null", "quote it"],
    ["version: 1.2.0", "x-b: &b {}\n<<: *b\nversion: 1.2.0", "repeat the fields"],
    ["version: 1.2.0", "sku_code: A-B-C\nversion: 1.2.0", "field of each variant"],
  ];
  for (const [from, to, help] of table) {
    const parsed = parseWith(from, to);
    assert.ok(parsed.value, to);
    assert.equal(parsed.diagnostics.length, 1, to);
    assert.match(parsed.diagnostics[0]!.help!, new RegExp(help));
  }
});

test("a second document, an empty file and an alias bomb are errors", () => {
  assert.deepEqual(codesOf(parseImage(`${ACME}---\na: 1\n`)), ["error NIB101"]);
  assert.deepEqual(codesOf(parseImage("")), ["error NIB102"]);
  const list = (name: string, inner: string) => `${name}: &${name} [${Array(200).fill(inner).join(", ")}]\n`;
  const bomb = `${list("x-a", "{key: k}")}variants: [${Array(1000).fill("{properties: *x-a}").join(", ")}]\n`;
  assert.deepEqual(codesOf(parseImage(bomb)), ["error NIB101"]);
  assert.equal(parseImage("- ".repeat(20_000)).diagnostics[0]?.message, "the file is nested too deeply");
});

test("all problems of a file are reported at once", () => {
  const parsed = parseImage("version: [1]\nvisibility: pubic\nvariants: {}\nproperties: []\n");
  assert.deepEqual(
    parsed.diagnostics.map((one) => [one.code, one.path]),
    [
      ["NIB103", "version"],
      ["NIB102", "container_uri"],
      ["NIB102", "protocol_key"],
      ["NIB103", "visibility"],
      ["NIB103", "variants"],
      ["NIB102", "firewall_config"],
    ],
  );
  assert.equal(parsed.diagnostics[3]?.fix?.text, "public");
});
