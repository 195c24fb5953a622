import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { CommandExitCode, CommandService } from "@blockvisor/wire/blockjoy/v1/command";
import { Code, ConnectError, createClient, createRouterTransport } from "@connectrpc/connect";
import { pino } from "pino";
import { HostError } from "../errors/host-error.ts";
import { Counters } from "../metrics/counters.ts";
import type { Api } from "./api.ts";
import { CommandRunner } from "./command-runner.ts";
import type { CommandContext } from "./execute-command.ts";
import { Outbox } from "./outbox.ts";

/** An API that has these commands pending, until it has got their results. */
function apiWith(pending: readonly (readonly [commandId: string, kind: "start" | "stop" | "restart" | "delete"])[]) {
  const results: Record<string, CommandExitCode | undefined> = {};
  let visible = 0;
  let reported = (): void => {};
  const transport = createRouterTransport(({ service }) =>
    service(CommandService, {
      pending: () => ({
        commands: pending
          .slice(0, visible)
          .filter(([commandId]) => !(commandId in results))
          .map(([commandId, kind]) => ({
            commandId,
            command: { case: "node", value: { nodeId: "node", command: { case: kind, value: {} } } },
          })),
      }),
      ack: () => ({}),
      update: ({ commandId, exitCode }) => {
        results[commandId] = exitCode;
        if (Object.keys(results).length === visible) reported();
        return {};
      },
    }),
  );
  return {
    results,
    api: { commands: createClient(CommandService, transport) } as unknown as Api,
    /** Shows the first so many. */
    show(count: number): Promise<void> {
      visible = count;
      return new Promise((resolve) => {
        reported = resolve;
      });
    },
  };
}

/** A node whose start hangs until something else is asked of it, as the mailbox of a real one lets stop and delete do. */
function hangingNode(directory: string) {
  const done: string[] = [];
  let giveUp = (): void => {};
  let hangs = (): void => {};
  const hanging = new Promise<void>((resolve) => {
    hangs = resolve;
  });
  const actor = {
    parts: { paths: { directory } },
    snapshot: () => ({ state: { name: "node", dev_mode: false }, status: "Stopped" }),
    operate: async ({ kind }: { readonly kind: string }) => {
      giveUp();
      done.push(kind);
      if (kind !== "start") return;
      await new Promise<void>((_, reject) => {
        giveUp = () => reject(new HostError("cancelled", "the operation was given up for a later one"));
        hangs();
      });
    },
  };
  const nodes = { get: () => (done.includes("delete") ? undefined : actor), deleteBroken: async () => false };
  return { done, hanging, context: { nodes, onReported: () => {} } as unknown as CommandContext };
}

for (const last of ["stop", "delete"] as const) {
  test(`a ${last} does not wait for a start that hangs, nor is begun what it makes pointless`, async (t) => {
    const folder = await mkdtemp(path.join(tmpdir(), "bv-commands-"));
    t.after(() => rm(folder, { recursive: true }));
    const cloud = apiWith([
      ["one", "start"],
      ["two", "restart"],
      ["three", last],
    ]);
    const node = hangingNode(folder);
    const outbox = await Outbox.open(path.join(folder, "commands.json"), { error: assert.fail });
    const log = pino({ enabled: false });
    const runner = new CommandRunner(cloud.api, outbox, node.context, "host", log, new Counters());
    void cloud.show(1);
    await runner.poll();
    await node.hanging;
    const all = cloud.show(3);
    await runner.poll();
    await all;
    const given = CommandExitCode.INTERNAL_ERROR;
    assert.deepEqual(cloud.results, { one: given, two: given, three: CommandExitCode.OK });
    assert.deepEqual(node.done, last === "stop" ? ["start", "stop", "stop"] : ["start", "delete"]);
  });
}

test("a command whose result the API has not got is not acknowledged any more: it is done, and only its result is told again", async (t) => {
  const folder = await mkdtemp(path.join(tmpdir(), "bv-commands-"));
  t.after(() => rm(folder, { recursive: true }));
  const calls: string[] = [];
  let settled = (): void => {};
  let refuses = true;
  const called = (name: string): Record<string, never> => {
    calls.push(name);
    if (name === "update") settled();
    if (refuses) throw new ConnectError("not now", Code.FailedPrecondition);
    return {};
  };
  const transport = createRouterTransport(({ service }) =>
    service(CommandService, {
      pending: () => ({
        commands: [{ commandId: "one", command: { case: "host", value: { command: { case: "pending", value: {} } } } }],
      }),
      ack: () => called("ack"),
      update: () => called("update"),
    }),
  );
  const api = { commands: createClient(CommandService, transport) } as unknown as Api;
  const outbox = await Outbox.open(path.join(folder, "commands.json"), { error: assert.fail });
  const context = { onReported: () => {} } as unknown as CommandContext;
  const runner = new CommandRunner(api, outbox, context, "host", pino({ enabled: false }), new Counters());
  const nextUpdate = () =>
    new Promise<void>((resolve) => {
      settled = resolve;
    });
  const first = nextUpdate();
  await runner.poll();
  await first;
  assert.deepEqual(calls, ["ack", "update"]);
  refuses = false;
  // Until the refusal has come back the command is still in its queue, and a poll leaves it there.
  for (const second = nextUpdate(); calls.length === 2; ) {
    await Promise.race([runner.poll(), second]);
    await new Promise(setImmediate);
  }
  assert.deepEqual(calls, ["ack", "update", "update"]);
});
