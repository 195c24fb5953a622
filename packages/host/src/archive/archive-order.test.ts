import assert from "node:assert/strict";
import { test } from "node:test";
import { ArchiveVerb, OperateArchiveRequestSchema } from "@blockvisor/wire/blockvisor/host/v1/host";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { archiveOrder, toolArguments } from "./archive-order.ts";

type Request = MessageInitShape<typeof OperateArchiveRequestSchema>;

const order = (request: Request) =>
  archiveOrder(create(OperateArchiveRequestSchema, { storeKey: "my-chain-v1", ...request }));
const place = { volume: "/nodes/n/data", state: "/nodes/n/archive-tool", engine: "/run/bv.sock" };

test("what is wanted becomes one word per option; where is the daemon's to say", () => {
  const given = "--name=my-chain-v1";
  const where = ["--data=/nodes/n/data/protocol_data", "--engine-socket=/run/bv.sock"];
  assert.deepEqual(toolArguments(order({ verb: ArchiveVerb.VERIFY, dataVersion: 7n }), place), [
    ...["verify", "--attended", given, "--data-version=7", ...where],
  ]);
  assert.deepEqual(toolArguments(order({ verb: ArchiveVerb.FETCH, maxConnections: 2 }), place), [
    ...["fetch", "--attended", given, "--max-connections=2", ...where],
    ...["--state=/nodes/n/archive-tool", "--mount=/nodes/n/data"],
  ]);
  const push = { verb: ArchiveVerb.PUSH, zstdLevel: -3, exclude: ["--data=/etc", "*LOCK"], contentAddressed: true };
  assert.deepEqual(toolArguments(order({ ...push, maxBytesPerSecond: 5n }), place), [
    ...["push", "--attended", given, "--max-bytes-per-second=5", "--zstd=-3", "--layout=cas"],
    ...["--exclude=--data=/etc", "--exclude=*LOCK", ...where, "--state=/nodes/n/archive-tool", "--mount=/nodes/n/data"],
  ]);
  assert.deepEqual(order({ verb: ArchiveVerb.PUSH }).options, [given, "--layout=parts"]);
  assert.deepEqual(order({ verb: ArchiveVerb.PUSH, dryRun: true }).options, [given, "--layout=parts", "--dry-run"]);
});

test("whoever asks may be anybody of the group: everything is looked at before anything is done", () => {
  const push = { verb: ArchiveVerb.PUSH };
  const badGlob = "has a glob that is empty, longer than 4096 bytes, or has a NUL in it";
  const wrong: readonly (readonly [Request, string])[] = [
    [{}, "verb is missing"],
    [{ verb: 99 as ArchiveVerb }, "verb is missing"],
    [{ ...push, storeKey: "" }, "store_key is no name of an archive"],
    [{ ...push, storeKey: "../a" }, "store_key is no name of an archive"],
    [{ ...push, storeKey: "a".repeat(129) }, "store_key is no name of an archive"],
    [{ ...push, dataVersion: 0n }, "data_version is no positive number"],
    [{ ...push, dataVersion: 2n ** 53n }, "data_version is no positive number"],
    [{ ...push, maxConnections: 0 }, "max_connections is no positive number"],
    [{ ...push, maxConnections: 1001 }, "max_connections is more than 1000"],
    [{ ...push, maxBytesPerSecond: 0n }, "max_bytes_per_second is no positive number"],
    [{ ...push, zstdLevel: 0 }, "zstd_level is neither from 1 to 22 nor from -7 to -1"],
    [{ ...push, zstdLevel: 23 }, "zstd_level is neither from 1 to 22 nor from -7 to -1"],
    [{ ...push, exclude: Array.from({ length: 257 }, () => "*") }, "exclude has more than 256 globs"],
    [{ ...push, exclude: ["*", ""] }, `exclude ${badGlob}`],
    [{ ...push, exclude: ["a\0b"] }, `exclude ${badGlob}`],
    [{ ...push, exclude: ["a".repeat(4097)] }, `exclude ${badGlob}`],
    [{ verb: ArchiveVerb.FETCH, dryRun: true }, "exclude, zstd_level, content_addressed, dry_run are for a push"],
    [{ verb: ArchiveVerb.VERIFY, zstdLevel: 3 }, "exclude, zstd_level, content_addressed, dry_run are for a push"],
  ];
  for (const [request, message] of wrong) assert.throws(() => order(request), { code: "invalid", message });
});
