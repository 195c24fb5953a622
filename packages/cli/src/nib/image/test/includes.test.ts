import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { Output } from "../../../output/output.ts";
import { TemporaryDirectory } from "../../../testing/cli-process.ts";
import { firstOf, openInclude } from "./includes.ts";

const out = new Output({ program: "nib", format: "json", verbosity: 0, command: "image.test" });

function put(root: string, files: Readonly<Record<string, string>>): void {
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, file)), { recursive: true });
    writeFileSync(join(root, file), text);
  }
}

/** An OCI layout with one layer: what lies in a directory. */
function layout(path: string, root: string): void {
  const blob = (content: Buffer) => {
    const digest = createHash("sha256").update(content).digest("hex");
    mkdirSync(join(path, "blobs/sha256"), { recursive: true });
    writeFileSync(join(path, "blobs/sha256", digest), content);
    return { digest: `sha256:${digest}`, size: content.length };
  };
  const layer = blob(execFileSync("tar", ["-C", root, "-c", "."]));
  const rootfs = { type: "layers", diff_ids: [layer.digest] };
  const config = blob(Buffer.from(JSON.stringify({ architecture: "amd64", os: "linux", config: {}, rootfs })));
  const types = "application/vnd.oci.image";
  const manifest = blob(
    Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: `${types}.manifest.v1+json`,
        config: { mediaType: `${types}.config.v1+json`, ...config },
        layers: [{ mediaType: `${types}.layer.v1.tar`, ...layer }],
      }),
    ),
  );
  put(path, {
    "oci-layout": '{"imageLayoutVersion":"1.0.0"}',
    "index.json": JSON.stringify({
      schemaVersion: 2,
      manifests: [{ mediaType: `${types}.manifest.v1+json`, ...manifest }],
    }),
  });
}

test("files of a base image come from a directory, an extracted image or an image, and no link is followed", async () => {
  using place = new TemporaryDirectory();
  const [root, image, plain] = ["root", "image", "plain"].map((name) => join(place.path, name)) as [
    string,
    string,
    string,
  ];
  put(root, { "var/lib/babel/plugin/base.rhai": "fn base() {}", "opt/conf/x": "x of the image" });
  symlinkSync("/etc/passwd", join(root, "var/lib/babel/plugin/link.rhai"));
  symlinkSync("/etc/passwd", join(root, "opt/conf/y"));
  layout(image, root);
  put(plain, { "base.rhai": "fn other() {}", "templates/z": "z", "more/deep.rhai": "" });
  await using opened = new AsyncDisposableStack();
  const { signal } = new AbortController();
  const open = (name: string) => openInclude(out, name, signal, opened);
  const [extracted, inImage, inPlain] = [await open(root), await open(`oci:${image}`), await open(plain)];
  assert.deepEqual(
    [extracted, inImage, inPlain].map((one) => [one.files(), one.place("base.rhai"), one.watched]),
    [
      [
        { "base.rhai": "fn base() {}" },
        join(root, "var/lib/babel/plugin/base.rhai"),
        join(root, "var/lib/babel/plugin"),
      ],
      [{ "base.rhai": "fn base() {}" }, `oci:${image}:/var/lib/babel/plugin/base.rhai`, undefined],
      [{ "base.rhai": "fn other() {}", "more/deep.rhai": "" }, join(plain, "base.rhai"), plain],
    ],
  );
  const paths = ["/opt/conf/x", "/opt/conf/y", "/var/lib/babel/templates/z", "/../plain/base.rhai"];
  const texts = async (...sources: (typeof inPlain)["templates"][]) =>
    [...(await firstOf(sources).read(paths))].map(([path, { text }]) => [path, text]);
  assert.deepEqual(await texts(extracted.templates), [["/opt/conf/x", "x of the image"]]);
  assert.deepEqual(await texts(inPlain.templates, inImage.templates), [
    ["/var/lib/babel/templates/z", "z"],
    ["/opt/conf/x", "x of the image"],
    // It lies behind a link of the image, and counts as empty.
    ["/opt/conf/y", ""],
  ]);

  const linked = join(place.path, "linked");
  mkdirSync(join(linked, "var"), { recursive: true });
  symlinkSync(join(root, "var/lib"), join(linked, "var/lib"));
  layout(join(place.path, "empty"), linked);
  assert.deepEqual((await open(linked)).files(), {});
  await assert.rejects(open(`oci:${join(place.path, "empty")}`), {
    kind: "image-unavailable",
    message: `oci:${join(place.path, "empty")} has no files of a plugin`,
    details: {
      causes: ["/var/lib is a link, which is not followed"],
      hint: "they are looked for in /var/lib/babel/plugin/",
    },
  });
  for (const name of ["none", "plain/base.rhai"]) {
    const include = await open(join(place.path, name));
    assert.throws(() => include.files(), { kind: "file-unreadable" });
  }
});
