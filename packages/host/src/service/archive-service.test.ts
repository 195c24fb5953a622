import assert from "node:assert/strict";
import { test } from "node:test";
import { ArchiveStoreService } from "@blockvisor/wire/blockvisor/archive/v1/archive";
import { BabelEngine } from "@blockvisor/wire/blockvisor/babel/v1/babel";
import { ArchiveVerb, ErrorDetailSchema, HostService } from "@blockvisor/wire/blockvisor/host/v1/host";
import { Code, ConnectError, createClient, createRouterTransport } from "@connectrpc/connect";
import { pino } from "pino";
import { HostError } from "../errors/host-error.ts";
import { archiveEngineRoutes, archiveService } from "./archive-service.ts";
import { DaemonStatus } from "./daemon-status.ts";
import { served } from "./requests.ts";
import type { ServiceContext } from "./service-context.ts";

/** What the control plane was asked: archive and node. */
const asked: unknown[] = [];
const logged: object[] = [];

const heard = ({ archive, nodeId }: { readonly archive?: unknown; readonly nodeId?: string | undefined }) => {
  asked.push([archive, nodeId]);
  return {};
};

const controlPlane = createRouterTransport(({ service }) => {
  service(ArchiveStoreService, {
    getSlots: heard,
    getStoredChunks: heard,
    releaseUpload: heard,
    getManifest: heard,
    getChunks: heard,
    putManifest: async (parts) => {
      for await (const { part } of parts) if (part.case === "header") heard(part.value);
      return {};
    },
  });
});

function engineOf(requireCloud: () => unknown) {
  const log = pino({ base: null, timestamp: false }, { write: (line) => void logged.push(JSON.parse(line)) });
  const context = { host: { log }, requireCloud } as unknown as ServiceContext;
  return createClient(
    BabelEngine,
    createRouterTransport((router) => archiveEngineRoutes(router, context)),
  );
}

const named = (storeKey: string, orgId?: string) => ({
  archive: { case: "storeKey" as const, value: storeKey },
  ...(orgId === undefined ? {} : { orgId }),
});

test("on the daemon's socket archives are asked for as the host, whatever is said of nodes and orgs", async () => {
  const engine = engineOf(() => ({ archiveStore: createClient(ArchiveStoreService, controlPlane) }));
  const claimed = { archive: named("a-v1", "another org"), nodeId: "somebody's node", dataVersion: 1n };
  await engine.getSlots(claimed);
  await engine.getStoredChunks(claimed);
  await engine.releaseUpload(claimed);
  await engine.getManifest(claimed);
  await engine.getChunks(claimed);
  await engine.putManifest(
    (async function* () {
      yield { part: { case: "header" as const, value: claimed } };
    })(),
  );
  const $typeName = "blockvisor.archive.v1.ArchiveRef";
  assert.deepEqual(
    asked,
    Array.from({ length: 6 }, () => [{ $typeName, ...named("a-v1") }, undefined]),
  );
  const line = { level: 30, origin: "local", storeKey: "a-v1", msg: "request" };
  assert.deepEqual(logged, [
    { ...line, method: "releaseUpload" },
    { ...line, method: "putManifest" },
  ]);
  const codeOf = (call: Promise<unknown>) =>
    call.then(
      () => undefined,
      (error) => ConnectError.from(error).code,
    );
  const byId = engine.getManifest({ archive: { archive: { case: "archiveId", value: "b" } } });
  assert.deepEqual(
    await Promise.all([byId, engine.getManifest({}), engine.getTransferShare({})].map(codeOf)),
    [Code.InvalidArgument, Code.InvalidArgument, Code.Unimplemented],
    "by name, and nothing but archives",
  );
});

test("a daemon without control plane has none", async () => {
  const engine = engineOf(() => {
    throw new HostError("unsupported", "this host has no control plane");
  });
  await assert.rejects(engine.getManifest({ archive: named("a-v1") }), {
    code: Code.Unimplemented,
    rawMessage: "this host has no control plane",
  });
});

test("a client that goes on where a killed daemon was may come before the nodes are there: it is to ask again", async () => {
  const status = new DaemonStatus();
  const context = { status, nodes: { find: () => assert.fail("too early") } } as unknown as ServiceContext;
  const daemon = createClient(
    HostService,
    createRouterTransport(({ service }) => {
      service(
        HostService,
        served(archiveService(context) as never, { host: { log: pino({ level: "silent" }) } } as never),
      );
    }),
  );
  const ask = async () => {
    for await (const _ of daemon.operateArchive({ node: "me", verb: ArchiveVerb.PUSH, storeKey: "a-v1" }));
  };
  await assert.rejects(ask(), (error: ConnectError) => {
    const [detail] = error.findDetails(ErrorDetailSchema);
    assert.deepEqual([error.code, detail?.code], [Code.Unavailable, "gate"]);
    return true;
  });
});
