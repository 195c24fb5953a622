import assert from "node:assert/strict";
import { test } from "node:test";
import { TransferShares } from "./transfer-shares.ts";

test("nodes that transfer share the host's bandwidth evenly, and their jobs what is theirs; who stopped asking has no part", () => {
  let [cap, now]: [number | undefined, number] = [undefined, 0];
  const shares = new TransferShares(
    () => cap,
    () => now,
  );
  assert.equal(shares.of("a", "download"), undefined);
  cap = 1200;
  assert.equal(shares.of("a", "download"), 1200);
  assert.equal(shares.of("b", "download"), 600);
  assert.equal(shares.of("b", "upload"), 300);
  assert.deepEqual([shares.of("a", "download"), shares.of("b", "download")], [600, 300]);
  now = 20_000;
  assert.deepEqual([shares.of("a", "download"), shares.of("b", "upload")], [600, 300]);
  now = 35_000;
  assert.equal(shares.of("b", "upload"), 600);
  now = 55_000;
  assert.equal(shares.of("b", "upload"), 1200);
  cap = undefined;
  assert.equal(shares.of("b", "upload"), undefined);
});
