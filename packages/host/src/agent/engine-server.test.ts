import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, stat, symlink, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { ArchiveService } from "@blockvisor/wire/blockjoy/v1/archive";
import { ArchiveStoreService } from "@blockvisor/wire/blockvisor/archive/v1/archive";
import { BabelEngine } from "@blockvisor/wire/blockvisor/babel/v1/babel";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { pino } from "pino";
import { archiveAudit } from "./archive-audit.ts";
import type { EnginePort } from "./engine-calls.ts";
import { serveEngine } from "./engine-server.ts";

const folder = await mkdtemp(join(tmpdir(), "bv-engine-"));
after(() => rm(folder, { recursive: true }));

const secret = "a secret of the start";

function port(errors: string[] = []): EnginePort {
  return {
    secret: () => secret,
    archives: async () => undefined,
    transferShare: (job) => (job === "download" ? 5000 : undefined),
    blockingJobsFinished: () => {},
    babelError: (message) => void errors.push(message),
    unauthenticated: () => void errors.push("somebody without the secret"),
  };
}

function client(path: string, authorization?: string) {
  const transport = createGrpcTransport({
    baseUrl: "http://engine",
    nodeOptions: { createConnection: () => connect(path) },
    interceptors: [
      (next) => (request) => {
        if (authorization !== undefined) request.header.set("authorization", authorization);
        return next(request);
      },
    ],
  });
  return createClient(BabelEngine, transport);
}

const codeOf = (error: unknown): Code => ConnectError.from(error).code;

test("a node that asks too often is refused for a while; nobody else in its container can use up its turns", async () => {
  const path = join(folder, "often.sock");
  const errors: string[] = [];
  const server = await serveEngine(path, port(errors), { burst: 2, perSecond: 0.001, longestWaitMs: 0 });
  const stranger = client(path, "Bearer wrong");
  for (let call = 0; call < 3; call += 1) await assert.rejects(stranger.bvError({ message: "no" }));
  const babel = client(path, `Bearer ${secret}`);
  for (const message of ["one", "two"]) await babel.bvError({ message });
  await assert.rejects(babel.bvError({ message: "three" }), { code: Code.ResourceExhausted });
  await assert.rejects(babel.getManifest({}), { code: Code.ResourceExhausted });
  assert.deepEqual(errors, ["somebody without the secret", "one", "two"]);
  await server.close();
});

test("only who has the secret of the node's start is served (T-27)", async () => {
  const path = join(folder, "a.sock");
  const errors: string[] = [];
  const server = await serveEngine(path, port(errors));
  assert.equal((await stat(path)).mode & 0o777, 0o600);
  for (const wrong of [undefined, "Bearer ", "Bearer wrong", `Basic ${secret}`]) {
    assert.equal(
      await client(path, wrong)
        .bvError({ message: "no" })
        .then(() => undefined, codeOf),
      Code.Unauthenticated,
    );
  }
  const babel = client(path, `Bearer ${secret}`);
  await babel.bvError({ message: "disk is full" });
  assert.equal((await babel.getTransferShare({ job: "download" })).bytesPerSecond, 5000n);
  assert.equal((await babel.getTransferShare({ job: "upload" })).bytesPerSecond, undefined);
  assert.deepEqual(errors, ["somebody without the secret", "disk is full"]);
  await server.close();
});

test("a node without control plane has no archives", async () => {
  const path = join(folder, "b.sock");
  const server = await serveEngine(path, port());
  assert.equal(
    await client(path, `Bearer ${secret}`)
      .getDownloadMetadata({})
      .then(() => undefined, codeOf),
    Code.NotFound,
  );
  await server.close();
});

test("whatever a container put in the socket's place is replaced, not followed", async () => {
  const path = join(folder, "c.sock");
  const target = join(folder, "target");
  await writeFile(target, "host file");
  await symlink(target, path);
  const server = await serveEngine(path, port());
  await client(path, `Bearer ${secret}`).upgradeBlockingJobsFinished({});
  assert.equal((await stat(target)).size, "host file".length);
  await server.close();
});

test("a directory in the socket's place is not entered", async () => {
  const path = join(folder, "e.sock");
  await mkdir(join(path, "d"), { recursive: true });
  await writeFile(join(path, "d/kept"), "kept");
  await assert.rejects(serveEngine(path, port()), { code: "conflict", hint: /stop the node, remove the directory/ });
  assert.equal((await stat(join(path, "d/kept"))).size, "kept".length);
});

test("a node reaches its own archives only, whatever it asks for (T-27)", async () => {
  // Nobody listens there: what gets as far as the API is unavailable, what does not is refused before.
  const transport = createGrpcTransport({ baseUrl: "http://127.0.0.1:1" });
  const logged: object[] = [];
  const log = pino({ base: null, timestamp: false }, { write: (line) => void logged.push(JSON.parse(line)) });
  const audit = archiveAudit(log);
  const archives = {
    refused: (storeKey: string) => audit("n", storeKey),
    client: createClient(ArchiveService, transport),
    store: createClient(ArchiveStoreService, transport),
    nodeId: "n",
    archiveId: "a",
    storeKeys: new Set(["mine-v1"]),
  };
  const path = join(folder, "d.sock");
  const server = await serveEngine(path, { ...port(), archives: async () => archives });
  const engine = client(path, `Bearer ${secret}`);
  const manifest = (key: string) =>
    (async function* () {
      yield { part: { case: "header" as const, value: { archive: named(key), dataVersion: 1n } } };
    })();
  const calls = (key: string) => [
    engine.getSlots({ archive: named(key) }),
    engine.getStoredChunks({ archive: named(key) }),
    engine.releaseUpload({ archive: named(key) }),
    engine.getManifest({ archive: named(key) }),
    engine.getChunks({ archive: named(key) }),
    engine.putManifest(manifest(key)),
    engine.getUploadSlots({ storeKey: key }),
  ];
  const codes = (key: string) => Promise.all(calls(key).map((call) => call.then(() => undefined, codeOf)));
  assert.deepEqual(await codes("other-v1"), Array(7).fill(Code.PermissionDenied));
  const msg = "refused: the node asked for an archive that is not its own";
  assert.deepEqual(logged, [{ level: 40, node: "n", storeKey: "other-v1", msg }], "once, however often it asks");
  for (let number = 0; number < 100; number += 1) audit("n", `guessed-${number}`);
  assert.equal(logged.length, 20, "nor does it fill the log");
  assert.deepEqual(await codes("mine-v1"), Array(7).fill(Code.Unavailable));
  const byId = engine.getManifest({ archive: { archive: { case: "archiveId", value: "b" } } });
  assert.equal(await byId.then(() => undefined, codeOf), Code.InvalidArgument);
  await server.close();
});

const named = (storeKey: string) => ({ archive: { case: "storeKey" as const, value: storeKey } });
