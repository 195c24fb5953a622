import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { release } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { runCli, TemporaryDirectory } from "../../../testing/cli-process.ts";

const folder = new TemporaryDirectory();
after(() => folder[Symbol.dispose]());

test("what images take and which kernel runs is told without the daemon; of earlier versions it is not known, and one that is not complete is none", async () => {
  const images = join(folder.path, "var/lib/blockvisor/images/rootfs");
  const image = (name: string, record?: object): void => {
    mkdirSync(join(images, name), { recursive: true });
    if (record) writeFileSync(join(images, name, "image.json"), JSON.stringify(record));
  };
  image("noted", { bytes: 1_500_000 });
  image("earlier", { digest: "sha256:0" });
  image("partial");
  const layer = join(images, "../layers/shared");
  mkdirSync(layer, { recursive: true });
  writeFileSync(join(layer, "layer.json"), JSON.stringify({ bytes: 250_000 }));
  const { stdout } = await runCli("bv", ["host", "info", "--format", "json"], { env: { BV_ROOT: folder.path } });
  const { images: told, kernel } = JSON.parse(stdout);
  assert.deepEqual([told, kernel], [{ count: 2, bytes: 1_750_000 }, release()]);
});
