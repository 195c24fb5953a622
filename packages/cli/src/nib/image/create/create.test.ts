import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { parseImage, validateImage } from "@blockvisor/image";
import { TemporaryDirectory } from "../../../testing/cli-process.ts";
import { nibInside } from "../../../testing/run-inside.ts";

for (const variant of [
  "test",
  "mainnet-full",
  "geth-mainnet-full",
  "op-geth-mainnet-full",
  "a-very-long-client-testnet-archive",
]) {
  test(`a new image of variant ${variant} is valid and complete`, async () => {
    using directory = new TemporaryDirectory();
    const created = join(directory.path, `acme_${variant}`);
    const { status, stdout, stderr } = await nibInside(["image", "create", "acme", variant], {
      cwd: directory.path,
    });
    assert.equal(stderr, "");
    assert.equal(
      stdout,
      [
        `Rendered babel file at \`${created}/babel.yaml\``,
        `Rendered plugin file at \`${created}/main.rhai\``,
        `Rendered dockerfile at \`${created}/Dockerfile\``,
        `Rendered test file at \`${created}/tests/main.test.rhai\``,
        "",
      ].join("\n"),
    );
    assert.equal(status, 0);
    const files = ["Dockerfile", "babel.yaml", "main.rhai", "tests/main.test.rhai"];
    assert.deepEqual(readdirSync(created, { recursive: true }).sort(), [...files, "tests"].sort());
    for (const file of files) {
      assert.doesNotMatch(
        readFileSync(join(created, file), "utf8"),
        /%[a-z_]+%/,
        `${file} has an unfilled placeholder`,
      );
    }
    const parsed = parseImage(readFileSync(join(created, "babel.yaml"), "utf8"));
    assert.deepEqual(validateImage(parsed), []);
    assert.equal(parsed.value?.containerUri, `docker-daemon://${variant}:latest`);
    assert.deepEqual(
      parsed.value?.variants.map(({ key }) => key),
      [variant],
    );
    assert.deepEqual(
      validateImage(parsed, { purpose: "push" }).map(({ code, severity }) => [code, severity]),
      [["NIB219", "warning"]],
      "a push says nothing but that the image is still local",
    );
  });
}

test("files that are there are not overwritten unasked", async () => {
  using directory = new TemporaryDirectory();
  const create = (...more: string[]) =>
    nibInside(["image", "create", "acme", "full", "--dir", "image", "--format", "json", ...more], {
      cwd: directory.path,
    });
  const path = join(directory.path, "image", "main.rhai");
  assert.equal((await create()).status, 0);
  assert.deepEqual(actions((await create()).stdout), ["skipped", "skipped", "skipped", "skipped"]);
  writeFileSync(path, "fn mine() {}\n");
  const refused = await create();
  assert.equal(refused.status, 1);
  assert.match(refused.stderr, /^Error: .* has other files of these names already \(NIB006\)\n/);
  assert.deepEqual(JSON.parse(refused.stdout), {
    ok: false,
    command: "image.create",
    error: {
      code: "NIB006",
      message: `${join(directory.path, "image")} has other files of these names already`,
      hint: "choose another --dir, or overwrite them with --force",
      causes: [path],
      data: { files: [path] },
    },
  });
  assert.equal(readFileSync(path, "utf8"), "fn mine() {}\n");
  assert.deepEqual(actions((await create("--force")).stdout), ["skipped", "overwritten", "skipped", "skipped"]);
});

test("the tests of a new image pass", async () => {
  using directory = new TemporaryDirectory();
  await nibInside(["image", "create", "acme", "full", "--dir", "."], { cwd: directory.path });
  const { status, stdout, stderr } = await nibInside(["image", "test", "--format", "json", "tests/main.test.rhai"], {
    cwd: directory.path,
    env: { HOME: "/nonexistent" },
  });
  assert.equal(status, 0, stdout + stderr);
  const { data } = JSON.parse(stdout);
  assert.deepEqual([data.passed, data.failed], [2, 0]);
});

for (const [protocol, variant] of [
  ["../acme", "full"],
  ["acme", "a/b"],
  ["Acme", "full"],
  ["ac", "full"],
  ["acme", "full-"],
] as const) {
  test(`${protocol} ${variant} is refused and leaves nothing behind`, async () => {
    using directory = new TemporaryDirectory();
    const { status, stderr } = await nibInside(["image", "create", protocol, variant], { cwd: directory.path });
    assert.equal(status, 2);
    assert.match(stderr, /^Error: '.*' cannot be a (protocol|variant) key \(NIB001\)\n {2}next: /);
    assert.deepEqual(readdirSync(directory.path), []);
  });
}

function actions(json: string): unknown {
  const document: { data: { files: { action: string }[] } } = JSON.parse(json);
  return document.data.files.map(({ action }) => action);
}
