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
  const tools = join(folder.path, "tools");
  mkdirSync(tools);
  writeFileSync(join(tools, "crun"), "#!/bin/sh\necho crun version 1.21; echo commit: 10269840\n", { mode: 0o755 });
  writeFileSync(join(tools, "runc"), "#!/bin/sh\nexit 1\n", { mode: 0o755 });
  const env = { BV_ROOT: folder.path, PATH: `${tools}:/usr/bin:/bin` };
  const { stdout } = await runCli("bv", ["host", "info", "--format", "json"], { env });
  const { images: told, kernel, runtimes } = JSON.parse(stdout);
  assert.deepEqual([told, kernel], [{ count: 2, bytes: 1_750_000 }, release()]);
  assert.deepEqual(
    runtimes.filter(({ program }: { readonly program: string }) => program !== "apptainer"),
    [{ program: "crun", version: "1.21" }],
  );
});
