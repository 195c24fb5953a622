import assert from "node:assert/strict";
import { test } from "node:test";
import { GetChunksRequestSchema, PutManifestRequestSchema } from "@blockvisor/wire/blockvisor/archive/v1/archive";
import { GetJobGraphResponseSchema, ListJobsResponseSchema } from "@blockvisor/wire/blockvisor/babel/v1/babel";
import { create, type DescMessage, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { decodedSize, MalformedMessage } from "./decoded-size.ts";

const everything = Number.POSITIVE_INFINITY;

const encode = <Desc extends DescMessage>(desc: Desc, init: MessageInitShape<Desc>): Sample => {
  return { desc, encoded: toBinary(desc, create(desc, init)) };
};

interface Sample {
  readonly desc: DescMessage;
  readonly encoded: Uint8Array;
}

const chunk = {
  id: new Uint8Array(32),
  codec: "zstd",
  chunk: {
    key: "k",
    checksum: { checksum: { case: "blake3" as const, value: new Uint8Array(3) } },
    destinations: [{ path: "größer", positionBytes: 1n << 63n, sizeBytes: 7n }, {}],
  },
};
const job = {
  name: "job",
  status: { status: { case: "finished" as const, value: { exitCode: -1, message: "" } } },
  progress: { total: 0.5, current: 1e300, eta: { seconds: -1n, nanos: 9 } },
  logs: ["a", "", "ccc"],
  config: { needs: ["x", "y"], jobType: { kind: { case: "upload" as const, value: { exclude: ["*"] } } } },
};
const samples: readonly Sample[] = [
  encode(PutManifestRequestSchema, { part: { case: "chunks", value: { chunks: [chunk, chunk, {}] } } }),
  encode(PutManifestRequestSchema, {
    part: {
      case: "header",
      value: { summary: { requires: ["a"], source: { k: "v", "": "" }, chunksDigest: new Uint8Array(1) } },
    },
  }),
  encode(GetChunksRequestSchema, { archive: { archive: { case: "storeKey", value: "s" } }, indexes: [1, 300, 1e9] }),
  encode(ListJobsResponseSchema, { jobs: [job, {}, job] }),
  encode(GetJobGraphResponseSchema, { edges: [{ job: "a", kind: 2 }], jobs: [{ defined: true }] }),
];

/** At least what V8 needs for it. */
function weightOf(value: unknown): number {
  if (typeof value === "string") return value.length;
  if (typeof value === "bigint") return 24;
  if (value instanceof Uint8Array) return 100;
  if (typeof value !== "object" || value === null) return 8;
  // The name of its type is there once.
  const parts = Object.entries(value).filter(([key]) => key !== "$typeName");
  return 40 + parts.reduce((sum, [, part]) => sum + weightOf(part), 0);
}

const decode = ({ desc, encoded }: Sample) => fromBinary(desc, encoded, { readUnknownFields: false });

test("what senders of ours make is well formed, and takes no more than is said", () => {
  for (const sample of samples) {
    assert.ok(decodedSize(sample.desc, sample.encoded, everything) >= weightOf(decode(sample)));
  }
});

test("whatever is sent, the decoder makes no more of it than is said", () => {
  const edit = fc.record({
    at: fc.nat(400),
    drop: fc.nat(3),
    put: fc.array(fc.oneof(fc.nat(255), fc.nat(32)), { maxLength: 4 }),
  });
  fc.assert(
    fc.property(fc.constantFrom(...samples), fc.array(edit, { maxLength: 5 }), ({ desc, encoded }, edits) => {
      const bytes = [...encoded];
      for (const { at, drop, put } of edits) bytes.splice(at % (bytes.length + 1), drop, ...put);
      const sample = { desc, encoded: Uint8Array.from(bytes) };
      let size: number;
      try {
        size = decodedSize(desc, sample.encoded, everything);
      } catch (error) {
        assert.ok(error instanceof MalformedMessage);
        return;
      }
      let made: unknown;
      try {
        made = decode(sample);
      } catch {
        return;
      }
      assert.ok(size >= weightOf(made), `${size} < ${weightOf(made)}: ${Buffer.from(bytes).toString("hex")}`);
    }),
    { numRuns: 3000 },
  );
});

test("counting ends above what is allowed", () => {
  const many = new Uint8Array(2_000_000);
  for (let at = 0; at < many.length; at += 2) many[at] = 0x0a;
  const size = decodedSize(ListJobsResponseSchema, many, 10_000);
  assert.ok(size > 10_000 && size < 11_000, `${size}`);
});

test("what the decoder would read otherwise than the contract says is refused", () => {
  const malformed: Readonly<Record<string, readonly [DescMessage, readonly number[]]>> = {
    "it was cut": [ListJobsResponseSchema, [0x0a, 2, 0x0a]],
    "a message that ends behind the one that it is in": [ListJobsResponseSchema, [0x0a, 2, 0x12, 4, 0, 0, 0, 0]],
    "a message that claims to be a number": [ListJobsResponseSchema, [0x08, 2, 0x0a, 0]],
    "a group": [ListJobsResponseSchema, [0x7b, 0x7c]],
    "a length of more than 32 bits": [ListJobsResponseSchema, [0x0a, 255, 255, 255, 255, 127]],
    "a third part in the entry of a map": [PutManifestRequestSchema, [0x0a, 6, 0x22, 4, 0x4a, 2, 0x18, 0]],
  };
  for (const [what, [desc, bytes]] of Object.entries(malformed)) {
    assert.throws(() => decodedSize(desc, Uint8Array.from(bytes), everything), MalformedMessage, what);
  }
});
