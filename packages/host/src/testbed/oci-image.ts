import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { chmod, copyFile, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

const applets = [
  "sh",
  "cat",
  "echo",
  "sleep",
  "ls",
  "mkdir",
  "rm",
  "true",
  "false",
  "date",
  "kill",
  "touch",
  "wc",
  "test",
  "id",
  "env",
  "dd",
  "mount",
];

/** Makes an OCI image layout at `layout` (a busybox system plus `files`, path → content) and returns its `container_uri`. */
export async function makeOciImage(
  layout: string,
  files: Readonly<Record<string, string>>,
  tag = "latest",
  labels: Readonly<Record<string, string>> = {},
): Promise<string> {
  const tree = await mkdtemp(join(tmpdir(), "bv-image-"));
  try {
    await mkdir(join(tree, "bin"), { recursive: true });
    for (const folder of ["etc", "tmp", "var/lib", "usr/bin", "proc", "sys", "dev"])
      await mkdir(join(tree, folder), { recursive: true });
    await copyFile("/bin/busybox", join(tree, "bin/busybox"));
    await chmod(join(tree, "bin/busybox"), 0o755);
    for (const name of applets) await symlink("busybox", join(tree, "bin", name));
    for (const [path, content] of Object.entries(files)) {
      await mkdir(dirname(join(tree, path)), { recursive: true });
      await writeFile(join(tree, path), content, { mode: content.startsWith("#!") ? 0o755 : 0o644 });
    }
    return await writeLayout(layout, tree, tag, labels);
  } finally {
    await rm(tree, { recursive: true });
  }
}

async function writeLayout(
  layout: string,
  tree: string,
  tag: string,
  labels: Readonly<Record<string, string>>,
): Promise<string> {
  const blobs = join(layout, "blobs/sha256");
  await mkdir(blobs, { recursive: true });
  const store = async (content: Uint8Array, mediaType: string) => {
    const digest = createHash("sha256").update(content).digest("hex");
    await writeFile(join(blobs, digest), content);
    return { mediaType, digest: `sha256:${digest}`, size: content.length };
  };
  const archive = `${layout}.tar`;
  await run("tar", ["--numeric-owner", "--owner=0", "--group=0", "-cf", archive, "-C", tree, "."]);
  const layer = await store(await readFile(archive), "application/vnd.oci.image.layer.v1.tar");
  await rm(archive);
  const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));
  const config = await store(
    json({
      architecture: process.arch === "x64" ? "amd64" : "arm64",
      os: "linux",
      config: { Env: ["PATH=/usr/bin:/bin", "FROM_IMAGE=yes"], Cmd: ["/bin/sh"], Labels: labels },
      rootfs: { type: "layers", diff_ids: [layer.digest] },
    }),
    "application/vnd.oci.image.config.v1+json",
  );
  const mediaType = "application/vnd.oci.image.manifest.v1+json";
  const manifest = await store(json({ schemaVersion: 2, mediaType, config, layers: [layer] }), mediaType);
  await writeFile(join(layout, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}');
  const annotations = { "org.opencontainers.image.ref.name": tag };
  await writeFile(join(layout, "index.json"), json({ schemaVersion: 2, manifests: [{ ...manifest, annotations }] }));
  return `oci:${layout}:${tag}`;
}
