import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import type { HostMethod, HostObject, HostType, ParamType, RegisteredType } from "@blockvisor/rhai";
import { registerBindings } from "../bindings/register.ts";
import type { BindingTarget } from "../bindings/target.ts";
import { engineWith, workers } from "../fixtures/run.ts";
import { SECTIONS } from "./functions.ts";
import { functionReference } from "./page.ts";

const FUNCTIONS = SECTIONS.flatMap(({ functions }) => functions);

const TYPES: Readonly<Record<string, string>> = {
  i64: "INT",
  f64: "FLOAT",
  string: "STRING",
  map: "MAP",
  blob: "BLOB",
  "?": "ANY",
};

/** What the bindings register: overloads, and members of what they return. */
function registered(): { readonly overloads: readonly string[]; readonly members: readonly string[] } {
  const overloads: string[] = [];
  const members: string[] = [];
  const never = (): never => assert.fail("nothing is called");
  const target: BindingTarget = {
    registerFn(name, params) {
      overloads.push(`${name}(${params.map((type: ParamType) => TYPES[type.name]).join(", ")})`);
      return target as never;
    },
    registerType<T extends object>(name: string, type: HostType<T>): RegisteredType<T> {
      members.push(...Object.keys(type.getters ?? {}));
      for (const [method, of] of Object.entries(type.methods ?? {}))
        if (([of].flat() as HostMethod<T>[]).length > 0) members.push(`${method}(`);
      return { name, tag: -1, wrap: (): HostObject => never(), unwrap: () => null };
    },
  };
  registerBindings(target, { call: never, failureCode: never, now: never, sleep: never });
  return { overloads, members };
}

/** `f(a: INT | MAP, b: INT)` → `f(INT, INT)`, `f(MAP, INT)`. */
function overloadsOf(form: string): string[] {
  const [, name = "", params = ""] = /^(\w+)\((.*?)\)/.exec(form) ?? [];
  const types = params === "" ? [] : params.split(", ").map((param) => param.split(": ")[1]!.split(" | "));
  const all = types.reduce<string[][]>((done, next) => done.flatMap((one) => next.map((type) => [...one, type])), [[]]);
  return all.map((one) => `${name}(${one.join(", ")})`);
}

test("docs/plugin-functions.md is up to date", () => {
  const written = readFileSync(new URL("../../../../docs/plugin-functions.md", import.meta.url), "utf8");
  assert.ok(written === functionReference(), "out of date: run `./dev generate`");
});

test("every overload that scripts can call is in the reference, and no other; so is what they return", () => {
  const { overloads, members } = registered();
  assert.deepEqual(FUNCTIONS.flatMap(({ forms }) => forms.flatMap(overloadsOf)).toSorted(), overloads.toSorted());
  const page = functionReference();
  for (const member of members) assert.ok(page.includes(`\`.${member}`), member);
});

test("every example of the reference runs", async () => {
  const body = '{"result": "0xa1", "height": 5}';
  const engine = engineWith({
    runJrpc: async () => ({ statusCode: 200, body }),
    runRest: async () => ({ statusCode: 200, body }),
    runSh: async () => ({ exitCode: 0, stdout: "1700000000\n", stderr: "" }),
    loadData: async () => undefined,
  });
  const bodyOf = (name: string): string => FUNCTIONS.find(({ forms }) => forms[0]!.startsWith(`${name}(`))!.example;
  const others = FUNCTIONS.filter(({ forms }) => !forms[0]!.startsWith("default_"));
  const script = [
    "fn plugin_config() { #{ services: [#{ name: `a`, run_sh: `b` }] } }",
    `fn init() { ${bodyOf("default_init")} }`,
    `fn upload() { ${bodyOf("default_upload")} }`,
    "fn example() {}",
    ...others.map(({ example }, index) => `fn example_${index}() { ${example} }`),
  ];
  const plugin = await workers.load({ "main.rhai": script.join("\n") });
  await plugin.init(engine);
  await plugin.upload(engine);
  for (const [index, { example }] of others.entries()) {
    await assert.doesNotReject(plugin.call(`example_${index}`, "", engine), example);
  }
});
