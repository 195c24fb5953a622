import assert from "node:assert/strict";
import { mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { stageFile } from "../../files/durable.ts";
import { Journal } from "../journal.ts";
import { type DownloadRecord, kernelBoot, StateFolder } from "./state-folder.ts";

async function resumeFrom(t: TestContext, records: readonly DownloadRecord[]) {
  const folder = await mkdtemp(join(tmpdir(), "babel-state-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const written = await Journal.open<DownloadRecord>(join(folder, "journal"), () => undefined);
  for (const record of records) await written.append(record);
  await written.close();
  const { journal, done, started, unflushed, ...rest } = await new StateFolder(folder).resume(10);
  await journal.close();
  return { done: [...done], started: [...started], unflushed: [...unflushed], ...rest };
}

test("after a power loss only what was flushed counts; after a kill what the kernel still has counts, too", async (t) => {
  const here = kernelBoot();
  const history = (b: string): readonly DownloadRecord[] => [
    { t: "purged" },
    ...[3, 1, 4].map((i) => ({ t: "start", i }) as const),
    { t: "done", i: 3, b },
    { t: "done", i: 1, b },
    // The flush that this group stands for began before chunk 4 was done.
    { t: "done", i: 4, b },
    { t: "group", n: 2 },
  ];
  const common = { started: [3, 1, 4], doneRecords: 3, durable: false, purged: true, kept: false, complete: false };
  assert.deepEqual(await resumeFrom(t, history(here)), { ...common, done: [3, 1, 4], unflushed: [4] });
  assert.deepEqual(await resumeFrom(t, history("another boot")), { ...common, done: [3, 1], unflushed: [] });
});

test("what was lost has to be done again, and then counts", async (t) => {
  const b = kernelBoot();
  const lost: readonly DownloadRecord[] = [
    { t: "done", i: 0, b },
    { t: "done", i: 1, b },
    { t: "group", n: 2 },
    { t: "complete", at: 1 },
    { t: "lost", i: 1 },
  ];
  const common = { started: [], purged: false, kept: false, complete: false };
  assert.deepEqual(await resumeFrom(t, lost), { ...common, done: [0], doneRecords: 2, unflushed: [], durable: true });
  const again = await resumeFrom(t, [...lost, { t: "done", i: 1, b }]);
  assert.deepEqual(again, { ...common, done: [0, 1], doneRecords: 3, unflushed: [1], durable: false });
});

test("attempts without end do not make the journal endless, and nothing that counts is forgotten (§9.2)", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "babel-state-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const path = join(folder, "journal");
  const written = await Journal.open<DownloadRecord>(path, () => undefined);
  const b = kernelBoot();
  const attempts = Array.from({ length: 3_000 }, (_, i): DownloadRecord => ({ t: "start", i: i % 7 }));
  const records: readonly DownloadRecord[] = [
    { t: "purged", kept: true },
    ...attempts,
    { t: "done", i: 5, b },
    { t: "done", i: 2, b: "another boot" },
    { t: "done", i: 1, b },
    { t: "group", n: 3 },
    { t: "complete", at: 17 },
    { t: "lost", i: 5 },
    { t: "done", i: 6, b: "another boot" },
    { t: "done", i: 5, b },
  ];
  await Promise.all(records.map((record) => written.append(record)));
  await written.close();
  const resumed = async () => {
    const { journal, ...known } = await new StateFolder(folder).resume(10);
    await journal.close();
    return known;
  };
  const known = {
    done: new Set([2, 1, 5]),
    doneRecords: 3,
    unflushed: new Set([5]),
    durable: false,
    started: new Set([0, 1, 2, 3, 4, 5, 6]),
    purged: true,
    kept: true,
    complete: false,
  };
  const { size } = await stat(path);
  assert.deepEqual(await resumed(), known);
  assert.ok(size > 64 * 1024 && (await stat(path)).size < 1_000);
  assert.deepEqual(await resumed(), known);
  const flushed = await Journal.open<DownloadRecord>(path, () => undefined);
  await flushed.append({ t: "group", n: known.doneRecords });
  await flushed.close();
  assert.deepEqual(await resumed(), { ...known, unflushed: new Set(), durable: true });
});

test("what a kill left of a file that was being written goes with the rest", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "babel-state-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  await writeFile(join(folder, "status.json"), "of a one-time job");
  for (const name of ["plan.json", "manifest", "journal"]) await (await stageFile(join(folder, name))).handle.close();
  assert.equal((await readdir(folder)).length, 4);
  await new StateFolder(folder).remove();
  assert.deepEqual(await readdir(folder), ["status.json"]);
});
