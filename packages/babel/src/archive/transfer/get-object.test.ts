import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer, type RequestListener } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { type AddressInfo, createServer as createTcpServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { getCACertificates, setDefaultCACertificates } from "node:tls";
import { messageOf } from "../../errno.ts";
import { sampleBytes } from "../testing/sample-archive.ts";
import { getObject, KeptConnections } from "./get-object.ts";

const body = sampleBytes(1_000_000, "body");

async function listen(t: TestContext, server: Server): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    if ("closeAllConnections" in server) (server as unknown as { closeAllConnections(): void }).closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

async function get(url: string, connections = new KeptConnections(), from = 0): Promise<Buffer> {
  const pieces: Buffer[] = [];
  const signal = new AbortController().signal;
  // Pieces are overwritten: they are copied here.
  for await (const piece of getObject(url, { from, size: body.length }, { connections, signal })) {
    pieces.push(Buffer.from(piece));
  }
  return Buffer.concat(pieces);
}

const serve: RequestListener = (request, response) => {
  if (request.url === "/chunked") {
    for (let at = 0; at < body.length; at += 70_001) response.write(body.subarray(at, at + 70_001));
    return void response.end();
  }
  if (request.url === "/hinted") {
    response.writeEarlyHints({ link: "</style.css>; rel=preload" });
    response.writeContinue();
  }
  if (request.url === "/away") return void response.writeHead(302, { location: "/chunked" }).end();
  if (request.url === "/downgraded") return void response.writeHead(302, { location: "http://127.0.0.1/x" }).end();
  if (request.url === "/astray") return void response.writeHead(302, { location: "http://[::" }).end();
  if (request.url === "/loop") return void response.writeHead(302, { location: "/loop" }).end();
  response.writeHead(200, { "Content-Length": body.length }).end(body);
};

test("bodies come with a length, in chunks, after informational responses and redirects, over one connection", async (t) => {
  const server = createServer(serve);
  let accepted = 0;
  server.on("connection", () => {
    accepted += 1;
  });
  const url = `http://127.0.0.1:${await listen(t, server)}`;
  const connections = new KeptConnections();
  t.after(() => connections.close());
  for (const path of ["/", "/chunked", "/hinted", "/?a=b&c=%20d"]) {
    assert.ok(body.equals(await get(url + path, connections)), path);
  }
  assert.equal(accepted, 1);
  assert.ok(body.equals(await get(`${url}/away`, connections)));
  await assert.rejects(get(`${url}/astray`), { kind: "transient", message: "the store leads to what is no URL" });
  await assert.rejects(get(`${url}/loop`), { kind: "transient", message: "too many redirects" });
});

test("a kept connection that the server closed meanwhile is replaced", async (t) => {
  const server = createServer({ keepAliveTimeout: 1 }, serve);
  const url = `http://127.0.0.1:${await listen(t, server)}/`;
  const connections = new KeptConnections();
  t.after(() => connections.close());
  await get(url, connections);
  server.closeAllConnections();
  assert.ok(body.equals(await get(url, connections)));
});

test("TLS is verified; nothing leads from it to where there is none", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "babel-tls-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const [key, cert] = [join(folder, "key"), join(folder, "cert")];
  const subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"];
  execFileSync(
    "openssl",
    [
      "req",
      "-x509",
      "-newkey",
      "ec",
      "-pkeyopt",
      "ec_paramgen_curve:P-256",
      "-nodes",
      "-keyout",
      key,
      "-out",
      cert,
      ...subject,
    ],
    { stdio: "ignore" },
  );
  const server = createTlsServer({ key: await readFile(key), cert: await readFile(cert) }, serve);
  const port = await listen(t, server);
  const url = `https://localhost:${port}/`;
  await assert.rejects(get(url), (error) => messageOf(error).includes("self-signed"));
  const before = getCACertificates("default");
  setDefaultCACertificates([...before, await readFile(cert, "utf8")]);
  t.after(() => setDefaultCACertificates(before));
  assert.ok(body.equals(await get(url)));
  assert.ok(body.equals(await get(`${url}chunked`)));
  await assert.rejects(get(`https://127.0.0.1:${port}/`), (error) => messageOf(error).includes("does not match"));
  await assert.rejects(get(`${url}downgraded`), {
    kind: "permanent",
    message: "refusing to be redirected to http://127.0.0.1/x",
  });
});

test("what is no HTTP, or ends early, is an error that another try may mend", async (t) => {
  const answers = [
    "SSH-2.0-OpenSSH_9.2\r\n\r\n",
    "",
    `HTTP/1.1 200 OK\r\nx: ${"y".repeat(40_000)}`,
    `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\nshort`,
    "HTTP/1.1 200 OK\r\n\r\nshort",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnot a number\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nshort\r\n0\r\n\r\n",
    `HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: ${body.length}\r\n\r\n`,
  ];
  let answer = "";
  const server = createTcpServer((socket) => {
    socket.on("error", () => undefined);
    socket.once("data", () => socket.end(answer));
  });
  const url = `http://127.0.0.1:${await listen(t, server)}/`;
  for (answer of answers) await assert.rejects(get(url), { kind: "transient" }, answer.slice(0, 80));
});
