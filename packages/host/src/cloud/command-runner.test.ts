import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { CommandService } from "@blockvisor/wire/blockjoy/v1/command";
import { Code, ConnectError, createClient, createRouterTransport } from "@connectrpc/connect";
import { pino } from "pino";
import { Counters } from "../metrics/counters.ts";
import type { Api } from "./api.ts";
import { CommandRunner } from "./command-runner.ts";
import type { CommandContext } from "./execute-command.ts";
import { Outbox } from "./outbox.ts";

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
  const outbox = await Outbox.open(path.join(folder, "commands.json"), assert.fail);
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
