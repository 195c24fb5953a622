import assert from "node:assert/strict";
import { tmpdir, totalmem } from "node:os";
import { test } from "node:test";
import { setImmediate as immediate } from "node:timers/promises";
import { CommandExitCode, CommandSchema } from "@blockvisor/wire/blockjoy/v1/command";
import { create } from "@bufbuild/protobuf";
import { NodeActor } from "../node/node-actor.ts";
import type { NodeParts } from "../node/node-host.ts";
import { sampleState } from "../node/node-state.sample.ts";
import type { NodeState } from "../node/node-state.ts";
import { nothing } from "../node/observed.ts";
import { type CommandContext, executeCommand } from "./execute-command.ts";

test("of two nodes that are created at the same time the second sees what the first has taken", async () => {
  const snapshots: { readonly state: NodeState }[] = [];
  const nodes = {
    get: () => undefined,
    snapshots: () => snapshots,
    create: async (state: NodeState) => void snapshots.push({ state }),
  };
  const addresses = async (ip: string) => ({ ip, extraIps: [], release: () => {} });
  const context = {
    nodes,
    addresses,
    version: "1.0.0",
    directory: tmpdir(),
    maintenanceMode: false,
    cpuOvercommit: 1,
  } as unknown as CommandContext;
  const commandFor = (number: number) => {
    const node = apiNode({
      nodeId: `a2c9e1f4-0000-4000-8000-00000000000${number}`,
      ip: `10.0.0.${number}`,
      memoryBytes: BigInt(Math.floor(totalmem() * 0.6)),
      image: { imageId: "image-1", imageUri: "docker://registry/test:1", minBabelVersion: "0.1.0" },
    });
    const value = { nodeId: node.nodeId, command: { case: "create" as const, value: { node } } };
    return create(CommandSchema, { commandId: `${number}`, command: { case: "node", value } });
  };
  const results = await Promise.all([1, 2].map((number) => executeCommand(context, commandFor(number), false)));
  assert.deepEqual(
    results.map(({ exit_code, exit_message }) => [exit_code, exit_message]),
    [
      [CommandExitCode.OK, null],
      [CommandExitCode.INTERNAL_ERROR, "BV internal error: 'not enough memory to allocate for the node'"],
    ],
  );
});

test("init and upload have the node to themselves, whoever asks for them", async () => {
  const log: string[] = [];
  const call = async (name: string): Promise<string> => {
    log.push(`${name} begins`);
    await immediate();
    log.push(`${name} ends`);
    return "";
  };
  const plugin = { capabilities: ["init", "upload", "height"], call };
  const parts = { plugin, state: () => sampleState() } as unknown as NodeParts;
  const actor = new NodeActor(
    () => parts,
    sampleState(),
    () => {},
  );
  const context = { nodes: { get: () => actor }, onPluginResult: () => {} } as unknown as CommandContext;
  const run = async (name: string): Promise<void> => {
    const runPlugin = { case: "runPlugin" as const, value: { function: name, payload: new Uint8Array() } };
    const value = { nodeId: actor.id, command: runPlugin };
    const command = create(CommandSchema, { commandId: name, command: { case: "node", value } });
    assert.equal((await executeCommand(context, command, false)).exit_code, CommandExitCode.OK);
  };
  await Promise.all([run("upload"), run("init"), actor.callPlugin("upload", ""), run("height")]);
  const alone = ["upload", "init", "upload"].flatMap((name) => [`${name} begins`, `${name} ends`]);
  assert.deepEqual(
    log.filter((line) => !line.startsWith("height")),
    alone,
  );
});

test("a command that failed and comes again, because the daemon ended before it could say so, is answered as it ended", async () => {
  const failures = [
    ["upgrade_rolled_back", CommandExitCode.NODE_UPGRADE_ROLLBACK, null],
    ["upgrade_failed", CommandExitCode.NODE_UPGRADE_FAILURE, null],
    ["blocking_job", CommandExitCode.BLOCKING_JOB_RUNNING, 3600],
  ] as const;
  const image = { imageId: "new", imageUri: "docker://registry/test:2", minBabelVersion: "99.0.0" };
  const value = {
    nodeId: sampleState().id,
    command: { case: "upgrade" as const, value: { node: apiNode({ image }) } },
  };
  const command = create(CommandSchema, { commandId: "the command", command: { case: "node", value } });
  const results = await Promise.all(
    failures.map(async ([code, , retry]) => {
      const failure = {
        code,
        message: `because ${code}`,
        hint: "",
        ...(retry === null ? {} : { retryAfterSeconds: retry }),
      };
      const state = sampleState({ last_command: "the command", last_failure: failure });
      const actor = new NodeActor(
        () => ({}) as NodeParts,
        state,
        () => {},
      );
      const nodes = { get: () => actor, snapshots: () => [actor.snapshot()] };
      const context = { nodes, version: "1.0.0", directory: tmpdir(), cpuOvercommit: 1 } as unknown as CommandContext;
      return executeCommand(context, command, true);
    }),
  );
  assert.deepEqual(
    results,
    failures.map(([code, exit, retry]) => ({
      exit_code: exit,
      exit_message: `because ${code}`,
      retry_hint_seconds: retry,
    })),
  );
});

function apiNode({ nodeId = sampleState().id, ip = "10.0.0.1", memoryBytes = 0n, image }: ApiNode) {
  return {
    nodeId,
    nodeName: `node-${nodeId}`,
    versionKey: { protocolKey: "test", variantKey: "test-main" },
    semanticVersion: "1.2.3",
    ipAddress: ip,
    ipGateway: "10.0.0.9",
    config: { vm: { cpuCores: 0n, memoryBytes, diskBytes: 0n }, image },
  };
}

interface ApiNode {
  readonly nodeId?: string;
  readonly ip?: string;
  readonly memoryBytes?: bigint;
  readonly image: { readonly imageId: string; readonly imageUri: string; readonly minBabelVersion: string };
}

test("a node with another name tells it to its jobs and its plugin; the same name again changes nothing", async () => {
  const changes: Partial<NodeState>[] = [];
  const state = sampleState({ name: "old" });
  const operate: NodeActor["operate"] = async ({ change }) => {
    changes.push(change(state, nothing));
    return undefined as never;
  };
  const actor = { operate, snapshot: () => ({ state, status: "Stopped" }) };
  const context = { nodes: { get: () => actor, actors: () => [] } } as unknown as CommandContext;
  for (const newNodeName of ["new", "old"]) {
    const rename = { case: "rename" as const, value: { newNodeName, newDnsName: "dns" } };
    const command = { case: "node" as const, value: { nodeId: state.id, command: rename } };
    const { exit_code: exit } = await executeCommand(
      context,
      create(CommandSchema, { commandId: "1", command }),
      false,
    );
    assert.equal(exit, CommandExitCode.OK);
  }
  assert.deepEqual(changes, [
    { name: "new", dns_name: "dns", reconfigure: true, services_dirty: true, config_dirty: true },
    { name: "old", dns_name: "dns" },
  ]);
});

test("changed parameters of a node that is down are applied when it is started, without another init; the same again change nothing", async () => {
  const changes: Partial<NodeState>[] = [];
  const state = sampleState({ initialized: true, properties: { color: "green" } });
  const actor = {
    snapshot: () => ({ state, status: "Stopped" }),
    operate: async ({ change }: Parameters<NodeActor["operate"]>[0]) => void changes.push(change(state, nothing)),
  };
  const context = { nodes: { get: () => actor } } as unknown as CommandContext;
  for (const value of ["red", "green"]) {
    const newValues = [{ key: "color", value }];
    const update = { case: "update" as const, value: { nodeId: state.id, configId: "config-2", newValues } };
    const command = { case: "node" as const, value: { nodeId: state.id, command: update } };
    const { exit_message: failure } = await executeCommand(
      context,
      create(CommandSchema, { commandId: "1", command }),
      false,
    );
    assert.equal(failure, null);
  }
  const told = changes.map((change) => [
    change.properties,
    change.services_dirty,
    change.reconfigure,
    "initialized" in change,
  ]);
  assert.deepEqual(told, [
    [{ color: "red" }, true, true, false],
    [{ color: "green" }, undefined, undefined, false],
  ]);
});
