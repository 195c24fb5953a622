import assert from "node:assert/strict";
import { once } from "node:events";
import http2 from "node:http2";
import net from "node:net";
import { after, before, describe, test } from "node:test";
import { gzipSync } from "node:zlib";
import { type ApiUnderTest, startApiUnderTest } from "../testing/api-under-test.ts";
import { registerHost } from "../testing/fake-host.ts";

const publish = "/blockjoy.v1.ArchiveService/PutDownloadManifest";
const list = "/blockjoy.v1.NodeService/List";
const region = "/blockjoy.v1.HostService/GetRegion";
/** Their lists of messages. */
const [chunks, sort] = [6, 5];
const mebi = 1024 * 1024;
const [ok, invalidArgument, permissionDenied, resourceExhausted, unauthenticated] = ["0", "3", "7", "8", "16"];

/** Empty messages in the list that is field `number`: two bytes each. */
const empties = (number: number, bytes: number): Buffer => Buffer.alloc(bytes, Buffer.of(number * 8 + 2, 0));

function enveloped(message: Buffer, flags = 0): Buffer {
  const head = Buffer.alloc(5);
  head[0] = flags;
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

describe("what a request brings", () => {
  let under: ApiUnderTest;
  let session: http2.ClientHttp2Session;
  let hostToken = "";
  before(async () => {
    under = await startApiUnderTest();
    session = http2.connect(under.api.url);
    const orgId = (await under.as.org.list({ memberId: under.admin.userId, limit: 1n })).orgs[0]?.orgId ?? "";
    const { token } = await under.as.org.getProvisionToken({ userId: under.admin.userId, orgId });
    const found = await under.as.host.getRegion({ region: { case: "regionKey", value: "local" } });
    const machine = { name: "one", ips: ["10.1.0.1"], regionId: found.region?.regionId ?? "" };
    hostToken = (await registerHost(under.api.url, token, machine)).token;
  });
  after(async () => {
    session.destroy();
    await under.close();
  });

  function call(path: string, headers: http2.OutgoingHttpHeaders, body?: Buffer): http2.ClientHttp2Stream {
    const stream = session.request({
      ":method": "POST",
      ":path": path,
      "content-type": "application/grpc",
      ...headers,
    });
    // The server is done with it before everything was sent.
    stream.on("error", () => {});
    if (body) stream.end(body);
    return stream;
  }

  /** The status of a gRPC call, which comes in trailers, or with the headers. */
  async function statusOf(stream: http2.ClientHttp2Stream): Promise<unknown> {
    stream.resume();
    const [headers] = (await once(stream, "response")) as [http2.IncomingHttpHeaders];
    if (headers["grpc-status"] !== undefined) return headers["grpc-status"];
    const [trailers] = (await once(stream, "trailers")) as [http2.IncomingHttpHeaders];
    return trailers["grpc-status"];
  }

  const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

  test("headers that make no sense are answered, and end nothing", async () => {
    const { hostname, port } = new URL(under.api.url);
    for (const host of ["[::", "a b", "x:99999"]) {
      const socket = net.connect(Number(port), hostname);
      const length = "content-type: application/json\r\ncontent-length: 2";
      socket.write(`POST ${region} HTTP/1.1\r\nhost: ${host}\r\n${length}\r\n\r\n{}`);
      assert.match(String((await once(socket, "data"))[0]), /^HTTP\/1.1 400 /, host);
      socket.destroy();
    }
    const [headers] = await once(call(region, { ":authority": "[::" }, enveloped(Buffer.of())), "response");
    assert.equal(headers[":status"], 400);
    assert.equal((await fetch(`${under.api.url}/health`)).status, 200);
  });

  test("who may not call is told before the body has come", async () => {
    for (const [headers, status] of [
      [{}, unauthenticated],
      [bearer("a.b.c"), permissionDenied],
    ] as const) {
      const stream = call(publish, headers);
      // The beginning of a message of 100 MB.
      stream.write(Buffer.of(0, 6, 0, 0, 0, 10));
      assert.equal(await statusOf(stream), status);
      stream.close();
    }
    const stream = call(publish, { "content-type": "application/proto" });
    stream.write(Buffer.of(10));
    const [headers] = await once(stream, "response");
    assert.equal(headers[":status"], 401);
    stream.close();
  });

  test("what would take too much memory is refused before it is decoded", async () => {
    const bomb = empties(sort, 2 * mebi);
    const admin = bearer(under.admin.token);
    assert.equal(await statusOf(call(list, admin, enveloped(bomb))), resourceExhausted);
    const manifest = enveloped(empties(chunks, 40 * mebi));
    assert.equal(await statusOf(call(publish, bearer(hostToken), manifest)), resourceExhausted);
    const [headers] = await once(call(list, { ...admin, "content-type": "application/proto" }, bomb), "response");
    assert.equal(headers[":status"], 429);
    const zipped = call(list, { ...admin, "grpc-encoding": "gzip" }, enveloped(gzipSync(bomb), 1));
    assert.equal(await statusOf(zipped), resourceExhausted);
    const json = { ...admin, "content-type": "application/json" };
    const [answer] = await once(call(list, json, Buffer.from(`{"sort":[${"{},".repeat(mebi / 2)}{}]}`)), "response");
    assert.equal(answer[":status"], 429);
    assert.equal(await statusOf(call(region, {}, enveloped(Buffer.alloc(mebi + 1)))), resourceExhausted);
  });

  test("large bodies are for who publishes manifests", async () => {
    const body = enveloped(Buffer.alloc(5 * mebi, Buffer.of(2 * 8 + 2, 0x7f, ...Buffer.alloc(0x7f, "k"))));
    const publishes = await statusOf(call(publish, bearer(hostToken), body));
    assert.equal(publishes, invalidArgument, "it was read: there is no such org");
    assert.equal(await statusOf(call(list, bearer(under.admin.token), body)), resourceExhausted);
  });

  test("a request that is compressed is understood", async () => {
    const named = Buffer.concat([Buffer.of(2 * 8 + 2, 5), Buffer.from("local")]);
    const zipped = call(region, { "grpc-encoding": "gzip" }, enveloped(gzipSync(named), 1));
    assert.equal(await statusOf(zipped), ok);
  });
});
