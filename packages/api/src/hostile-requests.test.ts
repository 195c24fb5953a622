import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { create, type DescField, type DescMessage, type Message, ScalarType } from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";
import { Code, ConnectError } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import fc from "fast-check";
import { accessOf, rpcName } from "./auth/access-table.ts";
import { type ApiUnderTest, startApiUnderTest } from "./testing/api-under-test.ts";
import { pushCatalogue } from "./testing/catalogue.ts";
import { contract } from "./testing/contract.ts";
import { registerHost } from "./testing/fake-host.ts";

/** Nothing a caller sends may end as an internal error (CA-0.6): every RPC gets requests full of nasty and of real values. */

const roundsPerMethod = 16;
/** These end the session that the test calls with. */
const except = ["blockjoy.v1.UserService/Delete", "blockjoy.v1.OrgService/Delete"];

describe("requests nobody should send", () => {
  let under: ApiUnderTest;
  let hostToken = "";
  let real: readonly string[] = [];

  before(async () => {
    under = await startApiUnderTest();
    const { imageId, protocolId, protocolVersionId } = await pushCatalogue(under.as);
    const orgId = (await under.as.org.list({ memberId: under.admin.userId, limit: 1n })).orgs[0]?.orgId ?? "";
    const { token } = await under.as.org.getProvisionToken({ userId: under.admin.userId, orgId });
    const region =
      (await under.as.host.getRegion({ region: { case: "regionKey", value: "local" } })).region?.regionId ?? "";
    const host = await registerHost(under.api.url, token, {
      name: "one",
      ips: ["10.1.0.1", "10.1.0.2"],
      regionId: region,
    });
    hostToken = host.token;
    const { nodes } = await under.as.node.create({
      orgId,
      imageId,
      launcher: { launch: { case: "byHost", value: { hostCounts: [{ hostId: host.hostId, nodeCount: 1 }] } } },
    });
    const node = nodes[0];
    const { commands } = await host.as.command.pending({ hostId: host.hostId });
    real = [
      imageId,
      protocolId,
      protocolVersionId,
      orgId,
      region,
      host.hostId,
      node?.nodeId,
      node?.configId,
      commands[0]?.commandId,
      under.admin.userId,
    ].filter((id) => id !== undefined);
  });
  after(() => under.close());

  test("end in a sentence, never in an internal error", async () => {
    const texts = fc.oneof(
      { weight: 5, arbitrary: fc.constantFrom(...real) },
      {
        weight: 2,
        arbitrary: fc.constantFrom("test-chain", "client-mainnet-full", "1.0.0", "local", "moniker", "10.0.0.1", "[]"),
      },
      {
        weight: 2,
        arbitrary: fc.constantFrom(
          "",
          "\0",
          "'; drop table users; --",
          "%",
          "../../etc/passwd",
          "\ud800",
          "x".repeat(70_000),
          "-1",
        ),
      },
      { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 40 }) },
    );
    const transport = createGrpcTransport({ baseUrl: under.api.url });
    const methods = (await contract()).flatMap((service) => service.methods);
    for (const method of methods) {
      if (accessOf(method)?.kind === "unimplemented" || except.includes(rpcName(method))) continue;
      const requests = fc.sample(message(method.input, texts), { numRuns: roundsPerMethod, seed: 20_251 });
      for (const [index, request] of requests.entries()) {
        const token = index % 2 === 0 ? under.admin.token : hostToken;
        const header = { authorization: `Bearer ${token}` };
        try {
          await transport.unary(method as never, undefined, 20_000, header, request as never);
        } catch (error) {
          const { code, rawMessage } = ConnectError.from(error);
          const fine = code !== Code.Unknown && !(code === Code.Internal && rawMessage === "Internal error.");
          assert.ok(
            fine,
            `${rpcName(method)} ${rawMessage}: ${JSON.stringify(request, (_key, value) => (typeof value === "bigint" ? `${value}n` : value)).slice(0, 2000)}`,
          );
        }
      }
    }
    assert.equal((await fetch(`${under.api.url}/ready`)).status, 200);
  });
});

/** Messages of a type with each field absent, plausible or absurd. */
function message(type: DescMessage, texts: fc.Arbitrary<string>, depth = 0): fc.Arbitrary<Message> {
  const fields = type.fields.filter((field) => depth < 4 || field.fieldKind === "scalar");
  return fc
    .tuple(...fields.map((field) => fc.option(fieldValue(field, texts, depth), { nil: undefined, freq: 3 })))
    .map((values) => {
      const made = create(type);
      const view = reflect(type, made);
      for (const [index, field] of fields.entries()) {
        const value = values[index];
        if (value === undefined) continue;
        if (field.fieldKind === "list") for (const item of value as unknown[]) view.get(field).add(item as never);
        else if (field.fieldKind !== "map") view.set(field, value as never);
      }
      return made;
    });
}

function fieldValue(field: DescField, texts: fc.Arbitrary<string>, depth: number): fc.Arbitrary<unknown> {
  switch (field.fieldKind) {
    case "scalar":
      return scalar(field.scalar, texts);
    case "enum":
      return fc.constantFrom(0, 1, 2, 3, 99);
    case "message":
      return message(field.message, texts, depth + 1).map((value) => reflect(field.message, value));
    case "list":
      return fc.array(
        field.listKind === "message"
          ? message(field.message, texts, depth + 1).map((value) => reflect(field.message, value))
          : field.listKind === "enum"
            ? fc.constantFrom(0, 1, 2, 99)
            : scalar(field.scalar, texts),
        { maxLength: 3 },
      );
    case "map":
      return fc.constant(undefined);
  }
}

function scalar(type: ScalarType, texts: fc.Arbitrary<string>): fc.Arbitrary<unknown> {
  switch (type) {
    case ScalarType.STRING:
      return texts.map((text) => text.toWellFormed());
    case ScalarType.BOOL:
      return fc.boolean();
    case ScalarType.BYTES:
      return fc.uint8Array({ maxLength: 100 });
    case ScalarType.DOUBLE:
      return fc.constantFrom(0, -1, 1e300, Number.NaN, Number.POSITIVE_INFINITY);
    case ScalarType.UINT64:
      return fc.constantFrom(0n, 1n, 2n ** 31n, 2n ** 63n, 2n ** 64n - 1n);
    case ScalarType.INT64:
      return fc.constantFrom(0n, 1n, -1n, 2n ** 63n - 1n, -(2n ** 63n));
    case ScalarType.UINT32:
      return fc.constantFrom(0, 1, 2 ** 32 - 1);
    default:
      return fc.constantFrom(0, 1, -1, 2 ** 31 - 1);
  }
}
