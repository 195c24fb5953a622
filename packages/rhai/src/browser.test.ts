import assert from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { createContext, Script } from "node:vm";
import { build } from "esbuild";

/** The main entry as a web page would bundle it. An import of a built-in of Node fails the build. */
async function bundle(): Promise<string> {
  const result = await build({
    entryPoints: [fileURLToPath(new URL("./index.ts", import.meta.url))],
    bundle: true,
    write: false,
    platform: "browser",
    format: "iife",
    globalName: "Rhai",
    target: "es2022",
    logLevel: "silent",
  });
  return result.outputFiles[0]!.text;
}

test("the main entry bundles for browsers and runs without Node, and without making code from text", async () => {
  // What every browser has beside the language itself; no `process`, no `Buffer`, no `require`.
  const page = createContext(
    { performance, TextEncoder, TextDecoder, printed: [] },
    { codeGeneration: { strings: false, wasm: false } },
  );
  new Script(await bundle()).runInContext(page);
  const run = new Script(`
    const engine = new Rhai.Engine({ onPrint: (text) => printed.push(text) });
    engine.registerFn("twice", [Rhai.t.int], (_ctx, n) => n * 2);
    const value = engine.eval('fn add(a, b) { a + b } print(\`hi \${twice(4)}\`); [1, 2, 3].map(|x| add(x, 1)).reduce(|sum, x| sum + x, 0)');
    const findings = Rhai.checkText("let unused = 1;").map(({ code }) => code);
    JSON.stringify({ value, printed, findings, formatted: Rhai.formatScript("let x=1") });
  `);
  assert.deepEqual(JSON.parse(run.runInContext(page) as string), {
    value: 9,
    printed: ["hi 8"],
    findings: ["unused-variable"],
    formatted: "let x = 1;\n",
  });
});
