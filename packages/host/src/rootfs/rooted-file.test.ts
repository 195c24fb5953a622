import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { after, test } from "node:test";
import {
  connectRootedSocket,
  listRootedDirectory,
  openRootedFile,
  readRootedFile,
  removeRootedFile,
  writeRootedFile,
} from "./index.ts";

const directory = mkdtempSync(join(tmpdir(), "bv-rooted-"));
const root = join(directory, "rootfs");
const outside = join(directory, "outside");
mkdirSync(join(root, "var/lib"), { recursive: true });
mkdirSync(outside);
writeFileSync(join(outside, "secret"), "secret");
after(() => rmSync(directory, { recursive: true, force: true }));

const limits = { maxBytes: 100 };

/** Paths below our folder that this process holds open. */
function heldOpen(): readonly string[] {
  const targets = readdirSync("/proc/self/fd").map((descriptor) => {
    try {
      return readlinkSync(`/proc/self/fd/${descriptor}`);
    } catch {
      return ""; // The descriptor of the listing itself is gone again.
    }
  });
  return targets.filter((target) => target.startsWith(directory));
}

test("a file is read; the path may be written in several ways", async () => {
  writeFileSync(join(root, "var/lib/file"), "content");
  for (const path of ["/var/lib/file", "var/lib/file", "//var/./lib/file"]) {
    assert.equal((await readRootedFile(root, path, limits)).toString(), "content");
  }
  const log = await openRootedFile(root, "/var/lib/file");
  assert.equal(await log.readFile("utf8"), "content");
  await log.close();
});

test("links are never followed, neither as the file nor on the way", async () => {
  symlinkSync(join(outside, "secret"), join(root, "link"));
  symlinkSync(outside, join(root, "folder-link"));
  symlinkSync("lib", join(root, "var/inside-link"));
  await assert.rejects(readRootedFile(root, "/link", limits), { code: "rooted-link" });
  for (const path of ["/folder-link/secret", "/var/inside-link/file"]) {
    await assert.rejects(readRootedFile(root, path, limits), { code: "rooted-not-a-directory" });
    await assert.rejects(writeRootedFile(root, path, "x"), { code: "rooted-not-a-directory" });
    await assert.rejects(removeRootedFile(root, path), { code: "rooted-not-a-directory" });
  }
  await assert.rejects(listRootedDirectory(root, "/folder-link", { maxEntries: 10 }), {
    code: "rooted-not-a-directory",
  });
  for (const path of ["../outside/secret", "/var/../../outside/secret", "", "/", "a\0b"]) {
    await assert.rejects(readRootedFile(root, path, limits), { code: "rooted-path-invalid" }, path);
  }
});

test("what is no regular file is refused at once: FIFO, device, folder, socket", async () => {
  const fifo = join(root, "fifo");
  execFileSync("mkfifo", [fifo]);
  execFileSync("mknod", [join(root, "device"), "c", "1", "5"]);
  const server = createServer().listen(join(root, "socket"));
  await once(server, "listening");
  for (const path of ["/fifo", "/device", "/var", "/socket"]) {
    await assert.rejects(readRootedFile(root, path, limits), { code: "rooted-not-a-file" }, path);
  }
  await assert.rejects(readRootedFile(root, "/missing", limits), { code: "rooted-not-found" });
  await assert.rejects(readRootedFile(root, "/var/lib/file/below", limits), { code: "rooted-not-a-directory" });
  server.close();
  await once(server, "close");
});

test("reading and listing are bounded, also for a sparse file of a terabyte", async () => {
  writeFileSync(join(root, "huge"), "");
  truncateSync(join(root, "huge"), 2 ** 40);
  await assert.rejects(readRootedFile(root, "/huge", limits), { code: "rooted-too-large" });
  writeFileSync(join(root, "full"), "x".repeat(100));
  assert.equal((await readRootedFile(root, "/full", limits)).length, 100);
  mkdirSync(join(root, "many"));
  for (const name of ["c", "a", "b"]) writeFileSync(join(root, "many", name), "");
  symlinkSync("/", join(root, "many", "d"));
  await assert.rejects(listRootedDirectory(root, "/many", { maxEntries: 3 }), { code: "rooted-too-many" });
  assert.deepEqual(await listRootedDirectory(root, "/many", { maxEntries: 4 }), [
    { name: "a", kind: "file" },
    { name: "b", kind: "file" },
    { name: "c", kind: "file" },
    { name: "d", kind: "link" },
  ]);
  assert.deepEqual(
    await listRootedDirectory(root, "/", { maxEntries: 100 }).then((found) =>
      found.some(({ name }) => name === "many"),
    ),
    true,
  );
});

test("writing makes folders, replaces a link instead of following it, and leaves nothing behind when it fails", async () => {
  await writeRootedFile(root, "/new/folder/file", "first", { mode: 0o600 });
  assert.equal(readFileSync(join(root, "new/folder/file"), "utf8"), "first");
  assert.equal(statSync(join(root, "new/folder/file")).mode & 0o777, 0o600);
  symlinkSync(join(outside, "secret"), join(root, "new/folder/link"));
  await writeRootedFile(root, "/new/folder/link", "mine");
  assert.equal(readFileSync(join(outside, "secret"), "utf8"), "secret");
  assert.equal(readFileSync(join(root, "new/folder/link"), "utf8"), "mine");
  await assert.rejects(writeRootedFile(root, "/new/folder", "x"), { code: "rooted-not-a-file" });
  assert.deepEqual(readdirSync(join(root, "new")), ["folder"]);
  symlinkSync(join(outside, "secret"), join(root, "removed"));
  await removeRootedFile(root, "/removed");
  await removeRootedFile(root, "/removed");
  await removeRootedFile(root, "/no/such/folder");
  assert.throws(() => readlinkSync(join(root, "removed")));
  assert.equal(readFileSync(join(outside, "secret"), "utf8"), "secret");
});

test("a socket is reached through folders, never through a link, also where its path is too long for an address", async (t) => {
  const deep = `run/${"long-name-".repeat(12)}`;
  mkdirSync(join(root, deep), { recursive: true });
  const listen = async (path: string, said: string) => {
    const server = createServer((socket) => socket.end(said)).listen(path);
    await once(server, "listening");
    t.after(() => server.close());
  };
  const previous = process.cwd();
  process.chdir(join(root, deep));
  await listen("./socket", "inside");
  process.chdir(previous);
  await listen(join(outside, "host.sock"), "host");
  symlinkSync(join(outside, "host.sock"), join(root, "run/link"));
  symlinkSync(outside, join(root, "run/folder"));
  assert.equal(await text(connectRootedSocket(root, `/${deep}/socket`)), "inside");
  assert.throws(() => connectRootedSocket(root, "/run/link"), { code: "rooted-link" });
  assert.throws(() => connectRootedSocket(root, "/run/folder/host.sock"), { code: "rooted-not-a-directory" });
  assert.throws(() => connectRootedSocket(root, "/run/none"), { code: "rooted-not-found" });
  assert.throws(() => connectRootedSocket(root, "/full"), { code: "rooted-not-a-socket" });
  assert.deepEqual(heldOpen(), []);
});
