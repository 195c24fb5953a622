import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import http from "node:http";
import http2 from "node:http2";
import net from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { HostService } from "@blockvisor/wire/blockjoy/v1/host";
import { createClient, type Transport } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { startApi } from "../start-api.ts";
import { type ApiUnderTest, quiet, startApiUnderTest } from "../testing/api-under-test.ts";

const local = { region: { case: "regionKey", value: "local" } } as const;
const consoleOrigin = "https://console.example";

const regionOver = async (transport: Transport) =>
  (await createClient(HostService, transport).getRegion(local)).region?.displayName;

describe("one port", () => {
  let under: ApiUnderTest;
  let url = "";
  before(async () => {
    under = await startApiUnderTest({ consoleOrigins: consoleOrigin });
    url = under.api.url;
  });
  after(() => under.close());

  test("serves gRPC, gRPC-Web and Connect, over HTTP/2 with prior knowledge and over HTTP/1.1", async () => {
    assert.equal(await regionOver(createGrpcTransport({ baseUrl: url })), "Local");
    for (const httpVersion of ["1.1", "2"] as const) {
      assert.equal(await regionOver(createGrpcWebTransport({ baseUrl: url, httpVersion })), "Local");
      assert.equal(await regionOver(createConnectTransport({ baseUrl: url, httpVersion })), "Local");
      assert.equal(
        await regionOver(createConnectTransport({ baseUrl: url, httpVersion, useBinaryFormat: false })),
        "Local",
      );
    }
  });

  test("answers a plain JSON request, as curl makes it", async () => {
    const response = await fetch(`${url}/blockjoy.v1.HostService/GetRegion`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ regionKey: "nowhere" }),
    });
    assert.deepEqual(
      [response.status, await response.json()],
      [404, { code: "not_found", message: "Region not found." }],
    );
  });

  test("a client that sends the HTTP/2 preface byte by byte is understood", async () => {
    const { hostname, port } = new URL(url);
    const socket = net.connect(Number(port), hostname);
    socket.setNoDelay(true);
    await once(socket, "connect");
    for (const byte of Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")) {
      await new Promise<void>((resolve) => socket.write(Buffer.of(byte), () => resolve()));
    }
    socket.write(Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]));
    const [frame] = (await once(socket, "data")) as [Buffer];
    assert.equal(frame[3], 4, "the server's SETTINGS frame");
    socket.destroy();
  });

  test("an HTTP/1.1 request that starts like the preface goes to HTTP/1.1", async () => {
    const response = await fetch(`${url}/blockjoy.v1.HostService/GetRegion`, { method: "PROPFIND" });
    assert.equal(response.status, 405);
  });

  test("tells how it is", async () => {
    assert.deepEqual(await (await fetch(`${url}/health`)).json(), { status: "ok" });
    assert.deepEqual(await (await fetch(`${url}/ready`)).json(), { database: "ok", broker: "ok" });
    assert.equal((await fetch(`${url}/nothing`)).status, 404);
    assert.equal((await fetch(`${url}/mqtt/auth`, { method: "POST" })).status, 404, "hooks are off without a secret");
  });

  test("lets browsers of the console's origin in, and no others", async () => {
    const preflight = (origin: string) =>
      fetch(`${url}/blockjoy.v1.HostService/GetRegion`, {
        method: "OPTIONS",
        headers: { origin, "access-control-request-method": "POST" },
      });
    const allowed = await preflight(consoleOrigin);
    assert.equal(allowed.status, 204);
    assert.equal(allowed.headers.get("access-control-allow-origin"), consoleOrigin);
    assert.equal((await preflight("https://evil.example")).headers.get("access-control-allow-origin"), null);
  });

  test("refuses a message over the limit without reading it all", async () => {
    const client = createClient(HostService, createGrpcTransport({ baseUrl: url }));
    const value = "x".repeat(5 * 1024 * 1024);
    await assert.rejects(
      client.getRegion({ region: { case: "regionKey", value } }),
      /\[resource_exhausted\]|\[canceled\]|\[internal\]/,
    );
    assert.equal((await client.getRegion(local)).region?.displayName, "Local", "and goes on serving");
  });

  test("closing ends idle connections of both kinds at once", async () => {
    const other = await startApiUnderTest();
    const session = http2.connect(other.api.url);
    await once(session, "connect");
    const agent = new http.Agent({ keepAlive: true });
    await new Promise((resolve) =>
      http.get(`${other.api.url}/health`, { agent }, (answer) => answer.resume().on("end", resolve)),
    );
    const ended = once(session, "close");
    await other.close();
    await ended;
    agent.destroy();
    await assert.rejects(fetch(`${other.api.url}/health`));
  });
});

describe("one port with TLS", () => {
  test("speaks both HTTP versions by ALPN", async () => {
    const directory = await mkdtemp(path.join(tmpdir(), "blockvisor-tls-"));
    const [tlsKey, tlsCert] = [path.join(directory, "key.pem"), path.join(directory, "cert.pem")];
    execFileSync(
      "openssl",
      [
        ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1"],
        ...["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", tlsKey, "-out", tlsCert],
      ],
      { stdio: "ignore" },
    );
    const api = await startApi({ dataDir: directory, port: 0, mqttPort: 0, tlsCert, tlsKey, log: quiet });
    try {
      assert.match(api.url, /^https:/);
      const nodeOptions = { ca: await readFile(tlsCert) };
      assert.equal(await regionOver(createGrpcTransport({ baseUrl: api.url, nodeOptions })), "Local");
      for (const httpVersion of ["1.1", "2"] as const) {
        assert.equal(await regionOver(createConnectTransport({ baseUrl: api.url, httpVersion, nodeOptions })), "Local");
      }
    } finally {
      await api.close();
      await rm(directory, { recursive: true, force: true });
    }
  });
});
