import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, type TestContext, test } from "node:test";
import { type ArchiveChunk, ArchiveService } from "@blockvisor/wire/blockjoy/v1/archive";
import { ArchiveStoreService } from "@blockvisor/wire/blockvisor/archive/v1/archive";
import { BabelEngine } from "@blockvisor/wire/blockvisor/babel/v1/babel";
import { Code, createClient, createRouterTransport } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { messageHead, pour, rawGrpc, statusOf } from "../testbed/raw-grpc.ts";
import type { NodeArchives } from "./engine-archives.ts";
import type { EnginePort } from "./engine-calls.ts";
import { serveEngine } from "./engine-server.ts";

const folder = await mkdtemp(join(tmpdir(), "bv-engine-bounds-"));
after(() => rm(folder, { recursive: true }));

const secret = "Bearer a secret";
const mebi = 1024 * 1024;
const method = (name: string) => `/blockvisor.babel.v1.BabelEngine/${name}`;

function client(path: string) {
  const transport = createGrpcTransport({
    baseUrl: "http://engine",
    nodeOptions: { createConnection: () => connect(path) },
    interceptors: [
      (next) => (request) => {
        request.header.set("authorization", secret);
        return next(request);
      },
    ],
  });
  return createClient(BabelEngine, transport);
}

/** A process of its own that serves the engine, with little memory. */
async function smallDaemon(t: TestContext) {
  const path = join(folder, `${t.name.slice(0, 20)}.sock`);
  const script = `
    import { serveEngine } from ${JSON.stringify(import.meta.resolve("./engine-server.ts"))};
    import { createClient, createRouterTransport } from ${JSON.stringify(import.meta.resolve("@connectrpc/connect"))};
    import { ArchiveService } from ${JSON.stringify(import.meta.resolve("@blockvisor/wire/blockjoy/v1/archive"))};
    import { ArchiveStoreService } from ${JSON.stringify(import.meta.resolve("@blockvisor/wire/blockvisor/archive/v1/archive"))};
    const api = createRouterTransport(() => {});
    const client = createClient(ArchiveService, api);
    const store = createClient(ArchiveStoreService, api);
    const nothing = () => {};
    await serveEngine(${JSON.stringify(path)}, {
      secret: () => "a secret", transferShare: () => 1,
      archives: async () => ({ client, store, nodeId: "n", archiveId: "a", storeKeys: new Set(), refused: nothing }),
      blockingJobsFinished: nothing, babelError: nothing, unauthenticated: nothing,
    });
    process.on("message", () => process.send(process.resourceUsage().maxRSS));
    process.send("serves");`;
  const child = spawn(process.execPath, ["--max-old-space-size=256", "--input-type=module", "-e", script], {
    stdio: ["ignore", "ignore", "ignore", "ipc"],
  });
  t.after(() => child.kill("SIGKILL"));
  await once(child, "message");
  const died = once(child, "exit").then(() => Promise.reject(new Error("the daemon died")));
  died.catch(() => undefined);
  /** Bytes. */
  const largestYet = async (): Promise<number> => {
    if (child.connected) child.send("");
    const [kibi] = await Promise.race([once(child, "message"), died]);
    return kibi * 1024;
  };
  await client(path).bvError({ message: "warm" });
  return { path, largestYet };
}

test("who has no secret is refused by the headers: nothing of what he sends is kept", async (t) => {
  const daemon = await smallDaemon(t);
  const before = await daemon.largestYet();
  const stranger = rawGrpc(daemon.path, "Bearer wrong");
  const calls = Array.from({ length: 16 }, async () => {
    const stream = stranger.call(method("GetStoredChunks"));
    const status = statusOf(stream);
    stream.write(messageHead(31 * mebi));
    await pour(stream, [0x12, 0], 31 * mebi);
    stream.end();
    return status;
  });
  const refusals = await Promise.all(calls);
  const grown = (await daemon.largestYet()) - before;
  assert.ok(grown < 100 * mebi, `the daemon grew by ${grown} bytes`);
  assert.deepEqual(refusals, Array(16).fill([Code.Unauthenticated, "the secret of this node's start is needed"]));
  stranger.close();
});

test("what would be many objects is refused before it is any", async (t) => {
  const daemon = await smallDaemon(t);
  const before = await daemon.largestYet();
  const babel = rawGrpc(daemon.path, secret);
  const send = async (name: string, head: readonly number[], part: readonly number[], bytes: number) => {
    const stream = babel.call(method(name));
    const status = statusOf(stream);
    stream.write(Buffer.concat([messageHead(head.length + bytes), Buffer.from(head)]));
    await pour(stream, part, bytes);
    stream.end();
    return status;
  };
  const tooManyParts = /^a message is too large: it has so many parts that it takes too much memory, \d+ are allowed$/;
  const unknownField = [0x78, 0];
  // `chunks` of 31 MiB, whose parts are empty chunks; `ids` that are empty.
  const chunks = [0x12, ...varint(31 * mebi)];
  const bombs = [
    ["PutManifest", chunks, [0x0a, 0], 31 * mebi],
    ["PutManifest", chunks, unknownField, 31 * mebi],
    ["PutDownloadManifest", chunks, [0x0a, 0], 31 * mebi],
    ["GetStoredChunks", [], [0x12, 0], 100 * 1024],
    ["GetStoredChunks", [], unknownField, 100 * 1024],
  ] as const;
  for (const [name, head, part, bytes] of bombs) {
    const answer = await send(name, head, part, bytes);
    assert.deepEqual([name, answer?.[0]], [name, Code.ResourceExhausted]);
    assert.match(answer?.[1] ?? "", tooManyParts);
  }
  assert.equal((await send("GetStoredChunks", [], [0x12, 0], mebi))?.[0], Code.ResourceExhausted);
  assert.equal((await send("GetStoredChunks", [], [0x12, 5], 2))?.[0], Code.InvalidArgument);
  const grown = (await daemon.largestYet()) - before;
  assert.ok(grown < 300 * mebi, `the daemon grew by ${grown} bytes`);
  babel.close();
});

test("who sends slowly keeps others waiting for a while only, and for large messages only", async () => {
  const path = join(folder, "slow.sock");
  const { files, archives } = archivesThatCount();
  const server = await serveEngine(path, port(archives), undefined, 1500);
  const slow = rawGrpc(path, secret);
  const refusals = Array.from({ length: 2 }, () => {
    const stream = slow.call(method("PutManifest"));
    stream.write(messageHead(32 * mebi));
    return statusOf(stream);
  });
  const babel = client(path);
  assert.equal((await babel.getTransferShare({ job: "download" })).bytesPerSecond, 5n);
  await babel.putManifest(manifest([filesOf(5000)]));
  assert.deepEqual(files, [5000]);
  assert.deepEqual(
    await Promise.all(refusals),
    Array(2).fill([Code.DeadlineExceeded, "the rest of the request did not come in time"]),
  );
  slow.close();
  await server.close();
});

test("the largest that babel asks for is not too large", async () => {
  const path = join(folder, "large.sock");
  const { files, archives } = archivesThatCount();
  const server = await serveEngine(path, port(archives));
  const babel = client(path);
  const thousand = Array.from({ length: 1000 }, () => filesOf(3));
  await babel.putManifest(manifest([filesOf(200_000)], thousand));
  const part = { case: "header" as const, value: { dataVersion: 1n, chunks: 1001 } };
  const pages = [[filesOf(200_000)], thousand].map((chunks) => ({
    part: { case: "chunks" as const, value: { chunks } },
  }));
  await babel.putDownloadManifest(asyncOf([{ part }, ...pages]));
  assert.deepEqual(files, [203_000, 203_000]);
  const ids = Array.from({ length: 1000 }, () => new Uint8Array(32).fill(255));
  assert.equal((await babel.getStoredChunks({ ids })).chunks.length, 1000);
  const indexes = Array.from({ length: 1000 }, (_, index) => 1_000_000 + index);
  assert.equal((await babel.getChunks({ indexes })).chunks.length, 1000);
  const digest = { case: "chunkId" as const, value: ids[0]! };
  const slots = ids.slice(0, 100).map((sha256) => ({ object: digest, size: 500_000_000n, sha256 }));
  assert.equal((await babel.getSlots({ slots })).slots.length, 100);
  await server.close();
});

test("connections without the secret make way", async () => {
  const path = join(folder, "many.sock");
  const server = await serveEngine(path, port());
  const before = client(path);
  await before.bvError({ message: "here" });
  const idle = Array.from({ length: 100 }, () =>
    connect(path)
      .resume()
      .on("error", () => {}),
  );
  await Promise.all(idle.slice(0, 37).map((socket) => socket.closed || once(socket, "close")));
  await before.bvError({ message: "still here" });
  await client(path).bvError({ message: "new" });
  assert.ok(idle.filter(({ closed }) => !closed).length <= 64);
  for (const socket of idle) socket.destroy();
  await server.close();
});

test("only gRPC with binary messages is spoken, and headers that make no sense are no more than refused", async () => {
  const path = join(folder, "odd.sock");
  const server = await serveEngine(path, port());
  const babel = rawGrpc(path, secret);
  const codeOf = async (headers: Record<string, string>, head = messageHead(0), name = "BvError") => {
    const stream = babel.call(method(name), headers);
    stream.end(head);
    return (await statusOf(stream))?.[0];
  };
  for (const type of ["application/json", "application/proto", "application/grpc-web+proto", "application/grpc+json"]) {
    assert.equal(await codeOf({ "content-type": type }), Code.Unimplemented);
  }
  assert.equal(await codeOf({ "grpc-encoding": "gzip" }), Code.Unimplemented);
  assert.equal(await codeOf({}, messageHead(0, 1)), Code.Unimplemented);
  assert.equal(await codeOf({}, messageHead(0), "NoSuchCall"), Code.Unimplemented);
  for (const authority of ["[::", "%%%"]) assert.equal(await codeOf({ ":authority": authority }), Code.Unknown);
  assert.equal(await codeOf({}), 0);
  babel.close();
  await server.close();
});

const asyncOf = async function* <T>(items: readonly T[]) {
  yield* items;
};

/** Chunks of 500 MB of small files. */
const filesOf = (count: number) => ({
  index: 1,
  key: "archive/1/data.part_1",
  size: 500_000_000n,
  checksum: { checksum: { case: "blake3" as const, value: new Uint8Array(32) } },
  destinations: Array.from({ length: count }, (_, file) => ({
    path: `state/shards/0123456789abcdef/${String(file).padStart(9, "0")}.sst`,
    positionBytes: 1_000_000n,
    sizeBytes: 2_500n,
  })),
});

type ReferenceChunk = ReturnType<typeof filesOf>;

const manifest = (...pages: readonly (readonly ReferenceChunk[])[]) =>
  asyncOf([
    { part: { case: "header" as const, value: { dataVersion: 1n } } },
    ...pages.map((page) => ({
      part: { case: "chunks" as const, value: { chunks: page.map((chunk) => ({ chunk, id: new Uint8Array(32) })) } },
    })),
  ]);

/** The archives of a node, whose API counts the files of the manifests that it gets, and answers as many as it is asked for. */
function archivesThatCount() {
  const files: number[] = [];
  const countOf = (chunks: readonly ArchiveChunk[]) =>
    chunks.reduce((sum, chunk) => sum + chunk.destinations.length, 0);
  const api = createRouterTransport((router) => {
    router.service(ArchiveService, {
      putDownloadManifest: ({ chunks }) => {
        files.push(countOf(chunks));
        return {};
      },
    });
    router.service(ArchiveStoreService, {
      putManifest: async (parts) => {
        const received: ArchiveChunk[] = [];
        for await (const { part } of parts) {
          if (part.case === "chunks") for (const { chunk } of part.value.chunks) if (chunk) received.push(chunk);
        }
        files.push(countOf(received));
        return {};
      },
      getStoredChunks: ({ ids }) => ({ chunks: ids.map((id) => ({ id })) }),
      getChunks: ({ indexes }) => ({ chunks: indexes.map((index) => ({ chunk: { index } })) }),
      getSlots: ({ slots }) => ({ slots: slots.map(() => ({ key: "k" })) }),
    });
  });
  const archives: NodeArchives = {
    client: createClient(ArchiveService, api),
    store: createClient(ArchiveStoreService, api),
    nodeId: "n",
    archiveId: "a",
    storeKeys: new Set(),
    refused: () => {},
  };
  return { files, archives };
}

const port = (archives?: NodeArchives): EnginePort => ({
  secret: () => "a secret",
  archives: async () => archives,
  transferShare: () => 5,
  blockingJobsFinished: () => {},
  babelError: () => {},
  unauthenticated: () => {},
});

function varint(value: number): number[] {
  return value < 128 ? [value] : [(value & 127) | 128, ...varint(value >>> 7)];
}
