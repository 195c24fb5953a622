import assert from "node:assert/strict";
import { test } from "node:test";
import { durationText } from "./duration.ts";
import { foreignText } from "./foreign-text.ts";
import { type Column, renderTable } from "./table.ts";

interface Row {
  readonly id: string;
  readonly name: string;
}

const columns: readonly Column<Row>[] = [
  { title: "ID", value: ({ id }) => id, align: "right" },
  { title: "Name", value: ({ name }) => name, colour: "cyan" },
  {
    title: "Length",
    value: ({ name }) => String(name.length),
    colour: ({ name }) => (name.length > 3 ? "red" : "green"),
  },
];
const rows = [
  { id: "1", name: "ann" },
  { id: "234", name: "berta" },
];

test("columns are as wide as their widest cell, between two rules", () => {
  const expected = `
────────────────────
  ID  Name   Length
   1  ann    3
 234  berta  5
────────────────────`;
  assert.equal(`\n${renderTable(columns, rows, (_, text) => text)}`, expected);
});

test("colours take no room", () => {
  const painted = renderTable(columns, rows, (colour, text) => `\u001b[${colour.length}m${text}\u001b[0m`);
  const plain = renderTable(columns, rows, (_, text) => text);
  assert.equal(painted.replaceAll(/\u001b\[\d+m/g, ""), plain);
  assert.match(painted, /\u001b\[3mberta|\u001b\[4mberta/);
});

test("a cell cannot forge lines or move the cursor", () => {
  const table = renderTable(columns, [{ id: "1", name: "a\u001b[2J\nb" }], (_, text) => text);
  assert.equal(table.split("\n").length, 4);
  assert.doesNotMatch(table, /\u001b/);
});

test("durations", () => {
  const texts = [null, 0, 59, 3723, 86_399, 90_061].map(durationText);
  assert.deepEqual(texts, ["-", "00:00:00", "00:00:59", "01:02:03", "23:59:59", "1d 01:01:01"]);
});

test("what a container prints keeps its colours and nothing else", () => {
  assert.equal(
    foreignText("\u001b[31mred\u001b[0m\ttab \u001b[2J\u001b]0;title\u0007 \u202eltr"),
    "\u001b[31mred\u001b[0m\ttab �[2J�]0;title� �ltr",
  );
});
