import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { isMainThread, Worker, workerData } from "node:worker_threads";
import { planParts } from "./blueprint.ts";
import { checkCoverage } from "./coverage.ts";
import { plannedChunks } from "./open-chunks.ts";
import { loadPlan, type Plan, savePlan } from "./plan-file.ts";
import { replanParts } from "./replan.ts";
import { SourceFiles, sameFiles } from "./source-files.ts";

/** Twice as many objects as would fit: each of them takes 100 bytes and more, and in a plan there would be five for every file. */
const FILES = 120_000;
const HEAP_MIB = 24;

const pathOf = (file: number): string =>
  `chaindata/segment-${String(Math.floor(file / 1000)).padStart(5, "0")}/block-${String(file).padStart(9, "0")}.bin`;

/** @param changed a file that is another one */
function sourceFiles(changed?: number): SourceFiles {
  const files = new SourceFiles();
  for (let file = 0; file < FILES; file += 1) {
    const time = 1_700_000_000_000_000_000n + BigInt(file);
    const size = BigInt(file === changed ? 1000 : file % 100);
    files.add(pathOf(file), { size, ino: BigInt(file), mtimeNs: time, ctimeNs: time }, 0o644);
  }
  return files;
}

/** What an upload does with its list of files, from the plan to the manifest. */
async function planManyFiles(path: string): Promise<void> {
  const files = sourceFiles();
  const blueprint = { files, chunks: planParts(files) };
  const decisions = { dataVersion: 1, settings: "", generation: "", createdAt: 0 };
  await savePlan(path, { ...decisions, blueprint } satisfies Plan);
  const { blueprint: loaded } = (await loadPlan(path))!;
  assert.ok(sameFiles(loaded.files, files));
  const replanned = replanParts(loaded, sourceFiles(77_777));
  checkCoverage(replanned);
  const chunks = plannedChunks(replanned);
  assert.equal(chunks.length, FILES / 5000);
  for (const [index, chunk] of chunks.entries())
    assert.equal(chunk.destinations().length, chunk.ranges().length, `${index}`);
  const before = plannedChunks(loaded);
  const changed = chunks.filter(({ print }, i) => print !== before[i]!.print).map(({ index }) => index);
  assert.deepEqual(changed, [Math.floor((FILES - 1 - 77_777) / 5000)]);
}

if (isMainThread) {
  test("more files than would fit into memory as objects are planned, planned anew, and described", async (t: TestContext) => {
    const folder = await mkdtemp(join(tmpdir(), "babel-many-"));
    t.after(() => rm(folder, { recursive: true, force: true }));
    const worker = new Worker(new URL(import.meta.url), {
      workerData: join(folder, "plan"),
      resourceLimits: { maxOldGenerationSizeMb: HEAP_MIB, maxYoungGenerationSizeMb: 2 },
    });
    const code = await new Promise((resolve, reject) => worker.once("error", reject).once("exit", resolve));
    assert.equal(code, 0);
  });
} else {
  await planManyFiles(workerData as string);
}
