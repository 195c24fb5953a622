import assert from "node:assert/strict";
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { loadHostConfig } from "../config/load-config.ts";
import { hostPaths } from "../place/paths.ts";
import { loadTokens, saveTokens, TokenKeeper, type TokenPair } from "./tokens.ts";

const folder = await mkdtemp(join(tmpdir(), "bv-tokens-"));
after(() => rm(folder, { recursive: true }));

const quiet = { warn: assert.fail };

/** A JWT of a life that began `age` seconds ago and lasts `life` seconds. */
function jwt(age: number, life: number, name = ""): string {
  const iat = Math.floor(Date.now() / 1000) - age;
  const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  return `${part({ alg: "none" })}.${part({ iat, exp: iat + life, name: `${name}???` })}.x`;
}

function keeper(token: string, next: () => Promise<TokenPair>) {
  const saved: TokenPair[] = [];
  const tokens = new TokenKeeper({ token, refresh_token: "r0" }, next, async (pair) => void saved.push(pair));
  return { tokens, saved };
}

test("a token in the first part of its life is used as it is", async () => {
  const token = jwt(100, 600);
  const { tokens } = keeper(token, () => assert.fail("refreshed"));
  assert.equal(await tokens.token(), token);
});

test("a token is replaced before it expires, once for all who ask, and kept before it is used", async () => {
  const fresh = { token: jwt(0, 600, "fresh"), refresh_token: "r1" };
  let refreshes = 0;
  const { tokens, saved } = keeper(jwt(500, 600), async () => {
    refreshes += 1;
    return fresh;
  });
  assert.deepEqual(await Promise.all([tokens.token(), tokens.token(), tokens.token()]), Array(3).fill(fresh.token));
  assert.deepEqual([refreshes, saved], [1, [fresh]]);
});

test("a server that calls the token expired is believed", async () => {
  const fresh = { token: jwt(0, 600, "fresh"), refresh_token: "r1" };
  const { tokens } = keeper(jwt(0, 600), async () => fresh);
  assert.equal(await tokens.token(true), fresh.token);
});

test("a refresh that fails leaves the old pair in place", async () => {
  const { tokens, saved } = keeper(jwt(500, 600), () => Promise.reject(new Error("api down")));
  await assert.rejects(tokens.token(), /api down/);
  assert.deepEqual(saved, []);
});

test("tokens that bvup left in the configuration move to a file of their own", async () => {
  const paths = hostPaths(folder);
  await mkdir(dirname(paths.config), { recursive: true });
  await writeFile(
    paths.config,
    JSON.stringify({ id: "h", token: "t", refresh_token: "r", nodexeus_api_url: "http://x", extra: 1 }),
  );
  const pair = await loadTokens(paths, await loadHostConfig(paths, false), quiet);
  assert.deepEqual(pair, { token: "t", refresh_token: "r" });
  assert.deepEqual(JSON.parse(await readFile(paths.config, "utf8")), {
    id: "h",
    nodexeus_api_url: "http://x",
    extra: 1,
  });
  assert.equal((await stat(paths.auth)).mode & 0o777, 0o600);
  assert.deepEqual(await loadTokens(paths, await loadHostConfig(paths, false), quiet), pair);
});

test("tokens stay in the configuration while their own file cannot be written, also new ones", async () => {
  const paths = hostPaths(join(folder, "unwritable"));
  await mkdir(dirname(paths.config), { recursive: true });
  await mkdir(join(paths.auth, "in the way"), { recursive: true });
  const rest = { id: "h", nodexeus_api_url: "http://x" };
  await writeFile(paths.config, JSON.stringify({ ...rest, token: "t", refresh_token: "r" }));
  const warnings: string[] = [];
  const log = { warn: (message: string) => void warnings.push(message) };
  const load = async () => loadTokens(paths, await loadHostConfig(paths, false), log);
  assert.deepEqual(await load(), { token: "t", refresh_token: "r" });
  assert.match(warnings.join(), /^API tokens stay in .*blockvisor\.json: /);
  await saveTokens(paths, { token: "t2", refresh_token: "r2" });
  assert.deepEqual(JSON.parse(await readFile(paths.config, "utf8")), { ...rest, token: "t2", refresh_token: "r2" });
  await rm(paths.auth, { recursive: true });
  assert.deepEqual(await load(), { token: "t2", refresh_token: "r2" });
  assert.deepEqual(JSON.parse(await readFile(paths.config, "utf8")), rest);
});
