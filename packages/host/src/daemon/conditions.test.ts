import assert from "node:assert/strict";
import { test } from "node:test";
import { createNodeCgroups } from "../cgroups/index.ts";
import { parseHostConfig } from "../config/host-config.ts";
import type { NodeSnapshot } from "../node/node-actor.ts";
import { sampleState } from "../node/node-state.sample.ts";
import { nothing } from "../node/observed.ts";
import { argumentConditions, nodeConditions } from "./conditions.ts";

const config = (apptainer: object) => parseHostConfig(JSON.stringify({ mode: "dev", apptainer }), "blockvisor.json");
const cgroups = (unified: string | undefined) => createNodeCgroups({ controllers: new Map(), unified });
const fine = { unsaved: new Map<string, string>(), trash: { problem: undefined } };

const snapshot = (
  change: Parameters<typeof sampleState>[0],
  container: "running" | "off" = "running",
): NodeSnapshot => ({
  state: sampleState(change),
  seen: { ...nothing, container },
  status: "Running",
  operation: undefined,
});

test("a node on the host's network whose rules nothing enforces is told", () => {
  const nodes = [
    snapshot({ name: "open", apptainer_config: { host_network: true } }),
    snapshot({ name: "down", apptainer_config: { host_network: true } }, "off"),
    snapshot({ name: "bridged" }),
  ];
  const on = (unified: string | undefined) => ({ ...fine, config: config({}), cgroups: cgroups(unified) });
  assert.deepEqual(nodeConditions(on(undefined), nodes), [
    {
      name: "firewall",
      ok: false,
      message:
        "firewall rules are not enforced for nodes on the host's network, as this machine has no cgroup version 2: open",
    },
  ]);
  assert.deepEqual(nodeConditions(on("/sys/fs/cgroup"), nodes), []);
});

test("an upgrade that could not be taken back is told", () => {
  const problem = { message: "", hint: "", since: 0, attempts: 0, next_attempt: null };
  const failed = (name: string, code: string) =>
    snapshot({ name, expected_status: "Failed", problem: { ...problem, code } });
  const host = { ...fine, config: config({}), cgroups: cgroups(undefined) };
  assert.deepEqual(
    nodeConditions(host, [failed("torn", "upgrade_failed"), failed("tired", "timeout")]).map(({ message }) => message),
    ["nodes whose upgrade failed and was not taken back wait for a decision: torn"],
  );
});

test("arguments that may switch isolation off are shown where they have an effect", () => {
  const given = config({ extra_args: ["--nv", "--add-caps", "all"], allow_unsafe_extra_args: true });
  const told = (kind: "apptainer" | "oci", apptainer = given) =>
    argumentConditions({ config: apptainer, runtime: { kind } }).map(({ name, message }) => `${name}: ${message}`);
  assert.deepEqual(told("oci"), []);
  assert.deepEqual(told("apptainer", config({ extra_args: ["--nv"] })), []);
  assert.match(told("apptainer").join(), /^extra-args: every container is started with .*: --add-caps all$/);
});
