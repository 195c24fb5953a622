import assert from "node:assert/strict";
import { test } from "node:test";
import { libraryFunctions } from "./describe.ts";
import { LIBRARY_DOCS } from "./docs.ts";

test("every function of the library is described, and nothing else is", () => {
  const functions = libraryFunctions();
  assert.deepEqual(
    functions.filter(({ doc }) => doc === "").map(({ name }) => name),
    [],
  );
  const names = new Set(functions.map(({ name }) => name));
  assert.deepEqual(
    Object.keys(LIBRARY_DOCS).filter((name) => !names.has(name)),
    [],
  );
});

test("a description shows the overloads", () => {
  const pop = libraryFunctions().find(({ name }) => name === "pop");
  assert.deepEqual(pop && { ...pop, overloads: pop.overloads.map((types) => types.join(" ")).sort() }, {
    name: "pop",
    overloads: ["array", "blob", "string", "string INT"],
    changes: true,
    doc: "Removes the last element (of texts: the last characters) and gives it.",
  });
});
