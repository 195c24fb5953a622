import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { chmod, lstat, mkdir, readdir, readlink, rename, symlink } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { runDownloadJob } from "../download/download-job.ts";
import { treeOf } from "../testing/download-fixture.ts";
import { sampleBytes } from "../testing/sample-archive.ts";
import { UploadFixture } from "../testing/upload-fixture.ts";

/** Kind, mode and target of everything below a folder. */
async function shapeOf(folder: string): Promise<readonly string[]> {
  const paths = (await readdir(folder, { recursive: true })).sort();
  return Promise.all(
    paths.map(async (path) => {
      const stats = await lstat(join(folder, path));
      if (stats.isSymbolicLink()) return `${path} -> ${await readlink(join(folder, path))}`;
      return `${path}${stats.isDirectory() ? "/" : ""} ${(stats.mode & 0o777).toString(8)}`;
    }),
  );
}

for (const options of [{ layout: "parts" }, { layout: "cas" }, { reference: true }] as const) {
  test(`what is uploaded is downloaded again, byte by byte (${JSON.stringify(options)})`, async (t) => {
    const reference = "reference" in options;
    const fixture = await UploadFixture.make(t, { reference });
    const files = Array.from({ length: 200 }, (_, i) => [`db/${i % 9}/${i}`, sampleBytes(i * 37, `${i}`)]);
    await fixture.write({ ...Object.fromEntries(files), big: sampleBytes(900_000, "big"), empty: "" });
    if (!reference) {
      await mkdir(join(fixture.data, "hollow"), { mode: 0o700 });
      await symlink("../big", join(fixture.data, "db/link"));
      await chmod(join(fixture.data, "db/1/1"), 0o750);
      fixture.configure({ layout: options.layout, number_of_chunks: 5 });
    }
    await fixture.run();
    const source = join(fixture.root, "source");
    await rename(fixture.data, source);
    await mkdir(fixture.data);
    const config = { job_type: { download: {} }, restart: "never" } as const;
    const task = { ...fixture.task, config, name: "download", signal: new AbortController().signal };
    const result = await runDownloadJob({ ...task, log: (line) => void fixture.log.push(line) });
    assert.equal(result.data_version, 1);
    assert.deepEqual(await treeOf(fixture.data), await treeOf(source));
    assert.deepEqual(await shapeOf(fixture.data), await shapeOf(source));
    const { getTransferShare = 0 } = fixture.engine.calls;
    assert.equal(getTransferShare >= 2, !reference, "both jobs asked the host what they may take");
  });
}

test("a list of chunks that was changed on its way is noticed before anything is written", async (t) => {
  const fixture = await UploadFixture.make(t);
  await fixture.write({ a: sampleBytes(1000, "a"), b: sampleBytes(1000, "b") });
  fixture.configure({ number_of_chunks: 2 });
  await fixture.run();
  const { header, chunks } = fixture.engine.newest!;
  // Two files of one size that change places: only who knows what was published can tell.
  const places = chunks.map(({ destinations }) => destinations);
  const changed = chunks.map((chunk, i) => ({ ...chunk, destinations: places[1 - i]! }));
  fixture.engine.versions.set(1, { header, chunks: changed });
  await rename(fixture.data, join(fixture.root, "source"));
  const config = { job_type: { download: {} }, restart: "never" } as const;
  const task = { ...fixture.task, config, name: "download", signal: new AbortController().signal };
  const download = () => runDownloadJob({ ...task, log: (line) => void fixture.log.push(line) });
  await assert.rejects(download(), {
    message: "the list of chunks is not the one that was published: it was changed on its way",
  });
  assert.equal(existsSync(fixture.data), false);
  fixture.engine.versions.set(1, { header, chunks });
  assert.equal((await download()).data_version, 1);
  assert.deepEqual(await treeOf(fixture.data), await treeOf(join(fixture.root, "source")));
});
