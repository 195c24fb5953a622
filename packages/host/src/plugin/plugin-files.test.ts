import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { mkdir, mkdtemp, rm, symlink, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { readPluginFiles } from "./plugin-files.ts";

/** In memory: a hundred thousand files take a while on a disk. */
const folder = await mkdtemp("/dev/shm/bv-plugin-files-");
after(() => rm(folder, { recursive: true }));

let count = 0;

/** A root file system with a plugin directory; `make` fills it. */
async function rootfs(make: (plugin: string, root: string) => Promise<unknown>): Promise<string> {
  count += 1;
  const root = join(folder, `rootfs-${count}`);
  const plugin = join(root, "var/lib/babel/plugin");
  await mkdir(plugin, { recursive: true });
  await make(plugin, root);
  return root;
}

test("all scripts are read, with their places, and nothing else", async () => {
  const root = await rootfs(async (plugin) => {
    await mkdir(join(plugin, "lib/deep"), { recursive: true });
    await writeFile(join(plugin, "main.rhai"), "main");
    await writeFile(join(plugin, "lib/deep/base.rhai"), "base");
    await writeFile(join(plugin, "notes.txt"), "no script");
  });
  assert.deepEqual(await readPluginFiles(root), { "main.rhai": "main", "lib/deep/base.rhai": "base" });
});

describe("what a hostile image puts there is an ordinary error, and no file of the host is read", () => {
  const secret = join(folder, "secret.rhai");
  const cases: readonly (readonly [string, (plugin: string, root: string) => Promise<unknown>, RegExp])[] = [
    ["nothing", async () => {}, /Cannot open script file '.*main\.rhai'/],
    ["a link for main.rhai", (plugin) => symlink(secret, join(plugin, "main.rhai")), /Cannot open script file/],
    [
      "a link for the directory",
      async (plugin) => {
        await rm(plugin, { recursive: true });
        await symlink(folder, plugin);
      },
      /Cannot open plugin directory/,
    ],
    [
      "a link on the way",
      async (_, root) => {
        await rm(join(root, "var"), { recursive: true });
        await symlink(folder, join(root, "var"));
      },
      /Cannot open plugin directory/,
    ],
    [
      "a FIFO for main.rhai",
      async (plugin) => execFileSync("mkfifo", [join(plugin, "main.rhai")]),
      /Cannot open script file/,
    ],
    ["a directory for main.rhai", (plugin) => mkdir(join(plugin, "main.rhai")), /Cannot open script file/],
    ["a huge file", (plugin) => writeFile(join(plugin, "main.rhai"), Buffer.alloc(5_000_000)), /bytes/],
    [
      "a file of a gigabyte that takes no space",
      async (plugin) => {
        await writeFile(join(plugin, "main.rhai"), "");
        await truncate(join(plugin, "main.rhai"), 2 ** 30);
      },
      /bytes/,
    ],
    [
      "a hundred thousand files",
      async (plugin) => {
        for (let index = 0; index < 100_000; index += 1) closeSync(openSync(join(plugin, `f${index}`), "w"));
      },
      /entries/,
    ],
    [
      "thousands of files",
      async (plugin) => {
        await Promise.all(Array.from({ length: 600 }, (_, index) => writeFile(join(plugin, `f${index}.rhai`), "")));
      },
      /more than 512 scripts/,
    ],
    [
      "directories without end",
      (plugin) => mkdir(join(plugin, "a/b/c/d/e/f/g/h/i/j"), { recursive: true }),
      /nested deeper/,
    ],
  ];
  for (const [name, make, message] of cases) {
    test(name, async () => {
      await writeFile(secret, "the host's own");
      const root = await rootfs(make);
      await assert.rejects(readPluginFiles(root), (error: Error) => {
        assert.match(error.message, message);
        assert.doesNotMatch(error.message, /the host's own/);
        return true;
      });
    });
  }
});
