import { createHash } from "node:crypto";
import { cp, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { makeTestImage } from "./test-image.ts";

/** An entry of a layer's archive, as a program that means harm would write it: nothing is checked. */
export interface LayerEntry {
  readonly path: string;
  readonly kind: "file" | "hardlink" | "symlink" | "character" | "block" | "folder" | "fifo";
  readonly target?: string;
  readonly content?: string;
  readonly mode?: number;
  readonly device?: readonly [major: number, minor: number];
}

const typeFlags = {
  file: "0",
  hardlink: "1",
  symlink: "2",
  character: "3",
  block: "4",
  folder: "5",
  fifo: "6",
} as const;

/** The usual test image with more layers on top; its `container_uri`. */
export async function makeHostileImage(
  folder: string,
  name: string,
  layers: readonly (readonly LayerEntry[])[],
): Promise<string> {
  const base = join(folder, "image-1.0.0");
  const layout = join(folder, `image-${name}`);
  await makeTestImage(folder, "1.0.0");
  await cp(base, layout, { recursive: true });
  const blobs = join(layout, "blobs/sha256");
  const read = async (digest: string) =>
    JSON.parse(await readFile(join(blobs, digest.slice("sha256:".length)), "utf8"));
  const store = async (content: Buffer) => {
    const hex = createHash("sha256").update(content).digest("hex");
    await writeFile(join(blobs, hex), content);
    return { digest: `sha256:${hex}`, size: content.length };
  };
  const index = JSON.parse(await readFile(join(layout, "index.json"), "utf8"));
  const manifest = await read(index.manifests[0].digest);
  const config = await read(manifest.config.digest);
  for (const entries of layers) {
    const layer = await store(archive(entries));
    manifest.layers.push({ ...manifest.layers[0], ...layer });
    config.rootfs.diff_ids.push(layer.digest);
  }
  Object.assign(manifest.config, await store(Buffer.from(JSON.stringify(config))));
  Object.assign(index.manifests[0], await store(Buffer.from(JSON.stringify(manifest))));
  await writeFile(join(layout, "index.json"), JSON.stringify(index));
  return `oci:${layout}:latest`;
}

function archive(entries: readonly LayerEntry[]): Buffer {
  return Buffer.concat([...entries.map(entry), Buffer.alloc(1024)]);
}

/** Header (ustar) and content of one entry. */
function entry({ path, kind, target = "", content = "", mode = 0o644, device = [0, 0] }: LayerEntry): Buffer {
  const header = Buffer.alloc(512);
  const number = (value: number, at: number, length: number) =>
    header.write(`${value.toString(8).padStart(length - 1, "0")}\0`, at, "latin1");
  const body = Buffer.from(content);
  header.write(path, 0, 100);
  number(mode, 100, 8);
  number(0, 108, 8);
  number(0, 116, 8);
  number(body.length, 124, 12);
  number(0, 136, 12);
  header.fill(" ", 148, 156);
  header.write(typeFlags[kind], 156);
  header.write(target, 157, 100);
  header.write("ustar\0" + "00", 257, "latin1");
  number(device[0], 329, 8);
  number(device[1], 337, 8);
  number(
    header.reduce((sum, byte) => sum + byte, 0),
    148,
    7,
  );
  return Buffer.concat([header, body, Buffer.alloc((512 - (body.length % 512)) % 512)]);
}
