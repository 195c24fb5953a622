import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { Engine, MemoryResolver, RhaiError, rawDebug, typeNameOf } from "./index.ts";

/** The golden vectors of the spec's section 25: `source  ⇒  result`, `⏎` for a line feed. */

const folder = new URL("../conformance/", import.meta.url);
const read = (file: string): string => readFileSync(new URL(file, folder), "utf8");
const modules = Object.fromEntries(
  ["aux", "aux3", "bad", "throws", "nest", "sub/inner"].map((path) => [path, read(`modules/${path}.rhai`)]),
);

interface Vector {
  readonly source: string;
  readonly expected: string;
}

function vectors(file: string): Vector[] {
  return read(file)
    .split("\n")
    .filter((line) => line.includes("  ⇒  "))
    .map((line) => {
      const at = line.indexOf("  ⇒  ");
      const [expected] = line.slice(at + 5).split("   ‖ v1.20 ⇒ ");
      return { source: line.slice(0, at).replaceAll("⏎", "\n"), expected: comparable(expected!.replaceAll("⏎", "\n")) };
    });
}

/** Names of closures differ between engines, and pointers print in the script's form (spec 22 #12). */
function comparable(text: string): string {
  return text.replace(/anon\$[0-9a-f]{16}/g, "anon$HASH").replace(/Fn\*?\+?\(("?)([\w$]+)\1[^)]*\)/g, "Fn($2)");
}

function result(source: string): string {
  const lines: string[] = [];
  const engine = new Engine({
    resolver: new MemoryResolver(modules),
    onPrint: (text) => lines.push(`PRINT ${text}`),
    onDebug: (text, _source, position) => lines.push(`DEBUG None ${position?.line}:${position?.column} ${text}`),
  });
  let failing = "PARSE";
  try {
    const ast = engine.compile(source);
    failing = "ERR";
    const value = engine.eval(ast);
    lines.push(`${typeNameOf(value)}: ${rawDebug(value)}`);
  } catch (error) {
    if (!(error instanceof RhaiError)) throw error;
    lines.push(`${failing} ${error.message}`);
  }
  return comparable(lines.join("\n"));
}

/** Vectors where the spec recommends something else than the reference does, with the reason. */
const exceptions = JSON.parse(read("golden-exceptions.json")) as Readonly<
  Record<string, { readonly gives: string; readonly reason: string }>
>;

for (const file of ["golden.txt", "golden-modules.txt"]) {
  test(`spec section 25: ${file}`, () => {
    const all = vectors(file);
    assert.ok(all.length > 100);
    const wrong = all
      .map(({ source, expected }) => ({ source, expected: exceptions[source]?.gives ?? expected, got: result(source) }))
      .filter(({ expected, got }) => expected !== got);
    assert.deepEqual(wrong, []);
  });
}

test("every listed exception is a vector", () => {
  const sources = new Set([...vectors("golden.txt"), ...vectors("golden-modules.txt")].map(({ source }) => source));
  for (const [source, { reason }] of Object.entries(exceptions)) {
    assert.ok(sources.has(source), source);
    assert.notEqual(reason, "");
  }
});
