import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { CommandExitCode, CommandSchema } from "@blockvisor/wire/blockjoy/v1/command";
import { create } from "@bufbuild/protobuf";
import { commandOf, Outbox, updateOf } from "./outbox.ts";

const folder = await mkdtemp(join(tmpdir(), "bv-outbox-"));
after(() => rm(folder, { recursive: true }));

const command = (id: string, nodeId: string) =>
  create(CommandSchema, {
    commandId: id,
    command: { case: "node", value: { hostId: "h", nodeId, nodeName: "n", command: { case: "start", value: {} } } },
  });

const never = { error: assert.fail };

test("a command is taken in once, however often the API sends it", async () => {
  const path = join(folder, "once.json");
  const outbox = await Outbox.open(path, never);
  const first = await outbox.receive([command("1", "a"), command("2", "b")]);
  assert.deepEqual(
    first.map(({ id, node_id, state }) => [id, node_id, state]),
    [
      ["1", "a", "received"],
      ["2", "b", "received"],
    ],
  );
  const again = await Outbox.open(path, never);
  assert.deepEqual(
    (await again.receive([command("1", "a"), command("3", "a")])).map(({ id }) => id),
    ["3"],
  );
});

test("what became of a command survives the daemon, in order", async () => {
  const path = join(folder, "states.json");
  const outbox = await Outbox.open(path, never);
  await outbox.receive([command("1", "a"), command("2", "a"), command("3", "a")]);
  const result = { exit_code: CommandExitCode.BLOCKING_JOB_RUNNING, exit_message: "busy", retry_hint_seconds: 3600 };
  await outbox.change("1", { acked: true, state: "reported", result });
  await outbox.change("2", { state: "done", result });
  await outbox.change("3", { state: "running" });
  const entries = (await Outbox.open(path, never)).entries();
  assert.deepEqual(
    entries.map(({ id, state }) => [id, state]),
    [
      ["1", "reported"],
      ["2", "done"],
      ["3", "running"],
    ],
  );
  assert.deepEqual(commandOf(entries[0]!), command("1", "a"));
  assert.deepEqual(updateOf(entries[1]!, entries[1]!.result!), {
    commandId: "2",
    exitCode: CommandExitCode.BLOCKING_JOB_RUNNING,
    exitMessage: "busy",
    retryHintSeconds: 3600n,
  });
});

test("changes at the same time are all kept", async () => {
  const path = join(folder, "parallel.json");
  const outbox = await Outbox.open(path, never);
  const ids = Array.from({ length: 20 }, (_, index) => `c${index}`);
  await outbox.receive(ids.map((id) => command(id, id)));
  await Promise.all(ids.map((id) => outbox.change(id, { state: "running" })));
  const states = (await Outbox.open(path, never)).entries().map(({ state }) => state);
  assert.deepEqual(new Set(states), new Set(["running"]));
});

test("a file that cannot be read does not stop commands for ever; it is kept beside the new one", async () => {
  const path = join(folder, "corrupt.json");
  await writeFile(path, '{"commands": [');
  const errors: string[] = [];
  const outbox = await Outbox.open(path, { error: (message: string) => void errors.push(message) });
  assert.match(errors.join(), /cannot be read: .*; it was set aside as /);
  assert.equal((await outbox.receive([command("1", "a")])).length, 1);
  const aside = (await readdir(folder)).find((name) => name.startsWith("corrupt.json.corrupt-")) ?? "";
  assert.equal(await readFile(join(folder, aside), "utf8"), '{"commands": [');
});

test("what a newer version has written is refused, and left as it is", async () => {
  const path = join(folder, "newer.json");
  const text = JSON.stringify({ schema_version: 2, commands: [] });
  await writeFile(path, text);
  await assert.rejects(Outbox.open(path, never), { code: "state-too-new" });
  assert.equal(await readFile(path, "utf8"), text);
});
