import assert from "node:assert/strict";
import { test } from "node:test";
import { valueFromJson } from "../values/from-json.ts";
import { configChanges } from "./changes.ts";
import { readPluginConfig } from "./read.ts";

const configOf = (config: object) => readPluginConfig(valueFromJson(config)).config;
const [reth, proxy] = [
  { name: "reth", run_sh: "reth" },
  { name: "proxy", run_sh: "proxy" },
];
const file = { template: "/t", destination: "/d", params: { a: 1 } };
const before = configOf({ services: [reth, proxy], init: { commands: ["x"], jobs: [] }, config_files: [file] });

test("what a config says otherwise is told by the names of its parts", () => {
  assert.deepEqual(configChanges(before, before), []);
  const after = configOf({
    services: [
      { name: "alloy", run_sh: "x" },
      { ...reth, run_sh: "reth --full", run_as: "bob" },
    ],
    init: { commands: ["x", "y"], jobs: [] },
    config_files: [{ ...file, params: { a: 2 } }],
    scheduled: [{ name: "daily", schedule: "@daily", function: "f" }],
  });
  assert.deepEqual(configChanges(before, after), [
    "config_files[/d].params.a changed",
    "init.commands changed",
    "services[reth].run_sh changed",
    "services[reth].run_as added",
    "services[proxy] removed",
    "services[alloy] added",
    "scheduled added",
  ]);
  const turned = configOf({ services: [proxy, reth], init: { commands: ["x"], jobs: [] }, config_files: [file] });
  assert.deepEqual(configChanges(before, turned), ["services in another order"]);
});
