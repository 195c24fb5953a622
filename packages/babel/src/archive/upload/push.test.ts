import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { Code, ConnectError } from "@connectrpc/connect";
import { UploadFixture } from "../testing/upload-fixture.ts";
import { type Push, pushArchive } from "./push.ts";

async function folders(fixture: UploadFixture, names: readonly string[]): Promise<(name: string) => Push> {
  for (const name of names) {
    await mkdir(join(fixture.root, name));
    await writeFile(join(fixture.root, name, "file"), `data of ${name}`);
  }
  return (name) => ({
    engineSocket: fixture.task.engineSocket,
    secret: "secret",
    storeKey: "sample-key",
    folder: join(fixture.root, name),
    stateFolder: join(fixture.root, `.${name}.archive`),
    signal: new AbortController().signal,
    log: () => undefined,
    report: () => undefined,
  });
}

test("a push does not get the version of another that is under way, goes on with its own, and cleans up nobody else's", async (t) => {
  const fixture = await UploadFixture.make(t);
  const push = await folders(fixture, ["one", "two"]);
  fixture.engine.before = (call) => {
    if (call === "publish") throw new ConnectError("cut", Code.PermissionDenied);
  };
  await assert.rejects(pushArchive(push("one")), /cut/);
  fixture.engine.before = () => undefined;
  await assert.rejects(pushArchive(push("two")), /Data version: 1/);
  assert.equal((await pushArchive(push("one"))).data_version, 1);
  assert.equal((await pushArchive(push("two"))).data_version, 2);
  for (const [version, content] of [
    [1, "data of one"],
    [2, "data of two"],
  ] as const) {
    const decoded = await fixture.decoded(fixture.engine.versions.get(version));
    assert.deepEqual(decoded, new Map([["file", Buffer.from(content)]]));
  }
});

test("two pushes with the state of one folder: the second is refused, and the first is not disturbed", async (t) => {
  const fixture = await UploadFixture.make(t);
  const push = (await folders(fixture, ["one"]))("one");
  let second: Promise<unknown> | undefined;
  fixture.engine.before = (call) => {
    if (call === "getSlots") second ??= pushArchive(push).catch((error: unknown) => error);
  };
  assert.equal((await pushArchive(push)).data_version, 1);
  assert.match(String(await second), /another upload with the state in .*\.one\.archive is running/);
  assert.equal((await pushArchive(push)).data_version, 2);
});
