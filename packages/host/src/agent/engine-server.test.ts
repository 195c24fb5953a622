import assert from "node:assert/strict";
import { mkdtemp, rm, stat, symlink, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { BabelEngine } from "@blockvisor/wire/blockvisor/babel/v1/babel";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { type EnginePort, serveEngine } from "./engine-server.ts";

const folder = await mkdtemp(join(tmpdir(), "bv-engine-"));
after(() => rm(folder, { recursive: true }));

const secret = "a secret of the start";

function port(errors: string[] = []): EnginePort {
  return {
    secret: () => secret,
    archives: () => undefined,
    blockingJobsFinished: () => {},
    babelError: (message) => void errors.push(message),
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

test("only who has the secret of the node's start is served", async () => {
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
  await client(path, `Bearer ${secret}`).bvError({ message: "disk is full" });
  assert.deepEqual(errors, ["disk is full"]);
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
