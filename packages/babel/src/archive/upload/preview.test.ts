import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { crc32 } from "node:zlib";
import { sampleBytes } from "../testing/sample-archive.ts";
import { UploadFixture } from "../testing/upload-fixture.ts";
import { previewUpload } from "./preview.ts";
import { type Push, pushArchive } from "./push.ts";

test("a preview tells what an upload does, before and after there is something to build on; nothing is reserved or written (9.8)", async (t) => {
  const fixture = await UploadFixture.make(t);
  const folder = join(fixture.root, "data");
  await mkdir(join(folder, "logs"), { recursive: true });
  // The last one of a chunk (`pieces.ts`): what comes behind it does not change that chunk.
  const last = Array.from({ length: 1000 }, (_, number) => `even-${number}`).find((name) => crc32(name) % 64 === 0);
  await writeFile(join(folder, last ?? ""), Buffer.alloc(2_000_000, "even "));
  await writeFile(join(folder, "odd"), sampleBytes(1_000_000, "odd"));
  await writeFile(join(folder, "LOCK"), "x");
  await writeFile(join(folder, "logs/1"), "x");
  await symlink("odd", join(folder, "link"));
  await symlink("/etc/passwd", join(folder, "outside"));
  const asked: string[] = [];
  fixture.engine.before = (call) => void asked.push(call);
  const push: Push = {
    engineSocket: fixture.task.engineSocket,
    secret: "secret",
    storeKey: "sample-key",
    folder,
    stateFolder: join(fixture.root, ".data.archive"),
    exclude: ["*LOCK", "logs", "*.tmp"],
    layout: "cas",
    signal: new AbortController().signal,
    log: () => undefined,
    report: () => undefined,
  };
  const told = {
    ...{ files: 2, links: 1, bytes: 3_000_000, excluded: 2, excluded_paths: ["LOCK", "logs"] },
    ...{
      skipped: 1,
      skipped_lines: ["outside: the link has an absolute target: /etc/passwd"],
      idle_patterns: ["*.tmp"],
    },
  };
  const { estimated_bytes: first, ...before } = await previewUpload(push);
  assert.deepEqual(before, { ...told, chunks: 2, stored_chunks: 0, stored_bytes: 0 });
  assert.deepEqual([new Set(asked), existsSync(push.stateFolder)], [new Set(["getStoredChunks"]), false]);
  const parts = await previewUpload({ ...push, layout: "parts", compression: null });
  assert.deepEqual([parts.stored_bytes, parts.estimated_bytes], [0, 3_000_000]);

  const isAbout = (estimate: number, { bytesTransferred: sent }: { readonly bytesTransferred: number }) =>
    assert.ok(Math.abs(estimate - sent) < sent / 5, `${estimate}, and it were ${sent}`);
  isAbout(first, await pushArchive(push));
  await writeFile(join(folder, "new"), sampleBytes(1_000_000, "new"));
  const again = await previewUpload(push);
  assert.deepEqual([again.files, again.stored_chunks, again.stored_bytes], [3, 1, 2_000_000]);
  isAbout(again.estimated_bytes, await pushArchive(push));
});
