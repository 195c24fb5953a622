import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmod, mkdir, mkdtemp, rm, symlink, truncate, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { compileExclusion } from "./exclude.ts";
import { scanSource } from "./source-tree.ts";

async function sourceFolder(t: TestContext): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), "babel-source-"));
  t.after(() => rm(root, { recursive: true, force: true }));
  return root;
}

const none = compileExclusion([]);

test("files, links and directories are listed; what can not be archived is named", async (t) => {
  const root = await sourceFolder(t);
  await mkdir(join(root, "db/empty"), { recursive: true });
  await mkdir(join(root, ".babel_jobs/upload"), { recursive: true });
  await mkdir(join(root, "logs/old"), { recursive: true });
  await writeFile(join(root, ".babel_jobs/upload/journal"), "x");
  await writeFile(join(root, ".protocol_data.lock"), "x");
  await writeFile(join(root, "logs/old/1.log"), "x");
  await writeFile(join(root, "db/b"), "12345");
  await writeFile(join(root, "db/a"), "");
  await writeFile(join(root, "größe"), "1");
  await chmod(join(root, "db/b"), 0o4750);
  await truncate(join(root, "größe"), 10_000_000);
  await symlink("db/b", join(root, "inside"));
  await symlink("../db/empty", join(root, "db/turn"));
  await symlink("/etc/passwd", join(root, "absolute"));
  await symlink("../../etc", join(root, "db/escape"));
  await symlink("db", join(root, "link-to-directory"));
  await symlink("..", join(root, "db/empty/up"));
  await symlink("db/empty/up/../..", join(root, "through"));
  await symlink(Buffer.from([0x62, 0xff, 0x2f, 0xfe]), join(root, "bytes"));
  execFileSync("mkfifo", [join(root, "pipe")]);
  const server = createServer().listen(join(root, "socket"));
  t.after(() => server.close());
  await new Promise((resolve) => server.once("listening", resolve));

  const tree = await scanSource(root, compileExclusion(["logs"]));
  assert.deepEqual(
    Array.from(tree.files, ({ path, size, mode }) => [path, size, mode]),
    [
      ["db/a", 0, 0o644],
      ["db/b", 5, 0o750],
      ["größe", 10_000_000, 0o644],
    ],
  );
  assert.equal(new Set(Array.from(tree.files, ({ stamp }) => stamp)).size, 3);
  assert.deepEqual(tree.links, [
    { path: "db/empty/up", target: ".." },
    { path: "db/turn", target: "../db/empty" },
    { path: "inside", target: "db/b" },
    { path: "link-to-directory", target: "db" },
  ]);
  assert.deepEqual(
    Array.from(tree.directories, ({ path }) => path),
    ["db", "db/empty"],
  );
  assert.deepEqual(tree.skipped.toSorted(), [
    "absolute: the link has an absolute target: /etc/passwd",
    "bytes: the link has a target that is not UTF-8: b\\xff/\\xfe",
    "db/escape: the link has a target outside of the data: ../../etc",
    "pipe: neither a file nor a directory nor a link",
    "socket: neither a file nor a directory nor a link",
    "through: the link leads outside of the data, through other links: db/empty/up/../..",
  ]);
});

test("a changed file has another stamp, an unchanged one the same", async (t) => {
  const root = await sourceFolder(t);
  await writeFile(join(root, "a"), "same");
  await writeFile(join(root, "b"), "one");
  const before = await scanSource(root, none);
  await writeFile(join(root, "c"), "two");
  execFileSync("mv", [join(root, "c"), join(root, "b")]);
  const after = await scanSource(root, none);
  assert.equal(before.files.stamp(0), after.files.stamp(0));
  assert.notEqual(before.files.stamp(1), after.files.stamp(1));
});

test("a name that is not UTF-8 is refused by name, unless it is not archived at all", async (t) => {
  const root = await sourceFolder(t);
  await mkdir(join(root, "dir"));
  await writeFile(Buffer.concat([Buffer.from(join(root, "dir/bad-")), Buffer.from([0xff, 0xfe])]), "x");
  await assert.rejects(scanSource(root, none), {
    code: "name-not-utf8",
    message: "can't archive 'dir/bad-\\xff\\xfe': its name is not UTF-8",
  });
  assert.equal((await scanSource(root, compileExclusion(["dir"]))).files.length, 0);
});

test("a missing source is an error, an empty one is not", async (t) => {
  const root = await sourceFolder(t);
  assert.equal((await scanSource(root, none)).files.length, 0);
  await assert.rejects(scanSource(join(root, "nowhere"), none), {
    code: "source-missing",
    message: /^IO error for operation on /,
  });
});

test("a list of files that is known is used as long as it says the same, and never believed", async (t) => {
  const root = await sourceFolder(t);
  await mkdir(join(root, "d"));
  for (const name of ["a", "d/b", "d/c", "e"]) await writeFile(join(root, name), name);
  const { files: known } = await scanSource(root, none);
  const again = async () => (await scanSource(root, none, undefined, known)).files;
  assert.equal(await again(), known);
  const changes: readonly (() => Promise<void>)[] = [
    () => writeFile(join(root, "d/c"), "longer than before"),
    () => chmod(join(root, "a"), 0o600),
    () => rm(join(root, "e")),
    () => rm(join(root, "a")),
    () => writeFile(join(root, "d/d"), "new"),
    () => writeFile(join(root, "z"), "new"),
  ];
  for (const change of changes) {
    await change();
    const { files } = await scanSource(root, none);
    assert.deepEqual([...(await again())], [...files]);
    assert.notDeepEqual([...files], [...known]);
  }
});
