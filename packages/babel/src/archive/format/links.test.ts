import assert from "node:assert/strict";
import { mkdirSync, realpathSync, symlinkSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { randomFrom } from "../../testbed/random.ts";
import { Links } from "./links.ts";
import { linkFault } from "./path.ts";

const faultsOf = (links: ReadonlyMap<string, string>): readonly string[] => {
  const all = new Links();
  for (const [path, target] of links) all.add(path, target);
  return [...links.keys()].filter((path) => all.fault(path) !== undefined);
};

test("a link that leads outside through others is refused, and nothing but that", () => {
  const escaping = new Map([
    ["a/b/c/up", "../.."],
    ["l", "a/b/c/up/../.."],
    ["m", "l/etc"],
    ["fine", "a/b/c/up/.."],
    ["dangling", "a/b/c/up/none/x"],
  ]);
  assert.deepEqual(faultsOf(escaping), ["l", "m"]);
  assert.deepEqual(
    [...escaping].filter(([path, target]) => linkFault(path, target) !== undefined),
    [],
  );
  assert.deepEqual(
    faultsOf(
      new Map([
        ["a", "b"],
        ["b", "./a"],
        ["c", "d"],
      ]),
    ),
    ["a", "b"],
  );
  const bomb = new Map(Array.from({ length: 60 }, (_, n) => [`l${n}`, `l${n + 1}/../l${n + 1}`]));
  assert.equal(faultsOf(bomb).length, 52);
});

const SEED = Number(process.env["BABEL_SEED"] ?? Date.now() % 2 ** 31);
const ROUNDS = 200;

test("links that are not refused stay inside, resolved by the system", async (t) => {
  t.diagnostic(`seed ${SEED}`);
  const random = randomFrom(SEED);
  const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)]!;
  const some = (most: number, of: readonly string[]): string =>
    Array.from({ length: 1 + Math.floor(random() * most) }, () => pick(of)).join("/");
  const outer = await mkdtemp(join(tmpdir(), "babel-links-"));
  t.after(() => rm(outer, { recursive: true, force: true }));
  const counted = { inside: 0, escaped: 0 };
  for (let round = 0; round < ROUNDS; round += 1) {
    // The root lies deep enough for whatever leads out of it to be somewhere.
    const base = join(outer, `${round}`);
    const root = join(base, "o/o/o/o/o/o");
    const links = new Map<string, string>();
    for (let n = 0; n < 8; n += 1) {
      const path = some(3, ["a", "b", "l", "m"]);
      // Often one of them that were made before, and up again from there.
      const through = links.size > 0 && random() < 0.7 ? `${pick([...links.keys()])}/` : "";
      const target = `${"../".repeat(path.split("/").length - 1)}${through}${some(4, ["..", "..", "a", "b"])}`;
      const among = [...links.keys()].some((each) => each.startsWith(`${path}/`) || path.startsWith(`${each}/`));
      if (!among && linkFault(path, target) === undefined) links.set(path, target);
    }
    const refused = new Set(faultsOf(links));
    for (const folder of ["a", "b", "a/a", "a/b", "b/a", "b/b", "a/a/a", "a/b/b", "b/a/b", "b/b/a"]) {
      const among = [...links.keys()].some((each) => `${folder}/`.startsWith(`${each}/`));
      if (!among) mkdirSync(join(root, folder), { recursive: true });
    }
    for (const [path, target] of links) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      symlinkSync(target, join(root, path));
    }
    for (const path of links.keys()) {
      let real: string;
      try {
        real = realpathSync.native(join(root, path));
      } catch {
        continue; // leads to nothing, or in a circle
      }
      const inside = `${real}/`.startsWith(`${realpathSync(root)}/`);
      counted[inside ? "inside" : "escaped"] += 1;
      if (!inside) assert.ok(refused.has(path), `round ${round}: ${path} of ${JSON.stringify([...links])} is ${real}`);
    }
  }
  t.diagnostic(JSON.stringify(counted));
  assert.ok(counted.inside > 0 && counted.escaped > 0, "both were tried");
});
