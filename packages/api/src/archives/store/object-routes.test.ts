import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import http2 from "node:http2";
import https from "node:https";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { json } from "../../listener/http-routes.ts";
import { type Listener, listen } from "../../listener/listener.ts";
import { requestOrigin } from "../../listener/request-origin.ts";
import { openDirectoryFiles } from "./directory-files.ts";
import { createDirectoryStore } from "./directory-store.ts";
import { objectRoutes } from "./object-routes.ts";
import { createPathSigner } from "./signed-path.ts";

describe("objects over TLS", () => {
  let directory = "";
  let listener: Listener;
  let urlOf: (method: "PUT" | "GET") => Promise<string>;
  let ca: Buffer;

  before(async () => {
    directory = await mkdtemp(path.join(tmpdir(), "blockvisor-tls-"));
    const [key, cert] = [path.join(directory, "key.pem"), path.join(directory, "cert.pem")];
    execFileSync(
      "openssl",
      `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1 -keyout ${key} -out ${cert}`.split(
        " ",
      ),
      { stdio: "ignore" },
    );
    ca = await readFile(cert);
    const files = await openDirectoryFiles(path.join(directory, "archives"));
    const signer = createPathSigner(Buffer.alloc(32, 3));
    const store = createDirectoryStore(files, signer);
    const serve = objectRoutes({ files, signer, maxObjectBytes: 1e9, writable: async () => true });
    listener = await listen({
      host: "127.0.0.1",
      port: 0,
      concurrency: 100,
      tls: { key: await readFile(key), cert: ca },
      handler: (request, response) => {
        if (request.url === "/origin") json(response, 200, requestOrigin(request));
        else void serve(request, response).catch(() => response.destroy());
      },
    });
    const options = { seconds: 60, origin: listener.url };
    urlOf = async (method) =>
      method === "PUT"
        ? (await store.signPut("over-tls-v1/1/data.part_0", options)).url
        : store.signGet("over-tls-v1/1/data.part_0", options);
  });
  after(async () => {
    await listener?.close();
    await rm(directory, { recursive: true, force: true });
  });

  test("HTTP/1.1 and HTTP/2 store and send, whole and in parts", async () => {
    for (const ask of [overHttp1, overHttp2]) {
      const body = randomBytes(500_000);
      assert.equal((await ask("PUT", await urlOf("PUT"), {}, body)).status, 200);
      const whole = await ask("GET", await urlOf("GET"), {});
      assert.deepEqual([whole.status, whole.body.equals(body)], [200, true]);
      const part = await ask("GET", await urlOf("GET"), { range: "bytes=100-199" });
      assert.deepEqual([part.status, part.body], [206, body.subarray(100, 200)]);
      assert.equal((await ask("GET", `${await urlOf("GET")}x`, {})).status, 403);
      const origin = await ask("GET", `${listener.url}/origin`, {});
      assert.equal(String(origin.body), JSON.stringify(listener.url));
    }
  });

  type Ask = (
    method: "PUT" | "GET",
    url: string,
    headers: Readonly<Record<string, string>>,
    body?: Buffer,
  ) => Promise<{ readonly status: number; readonly body: Buffer }>;

  const overHttp1: Ask = (method, url, headers, body) =>
    new Promise((resolve, reject) => {
      const length = body === undefined ? {} : { "content-length": body.length };
      const request = https.request(url, { method, ca, headers: { ...headers, ...length } }, async (response) => {
        const pieces = await response.toArray();
        resolve({ status: response.statusCode ?? 0, body: Buffer.concat(pieces) });
      });
      request.on("error", reject).end(body);
    });

  const overHttp2: Ask = async (method, url, headers, body) => {
    const { origin, pathname, search } = new URL(url);
    const session = http2.connect(origin, { ca });
    try {
      const length = body === undefined ? {} : { "content-length": body.length };
      const stream = session.request({ ":method": method, ":path": pathname + search, ...headers, ...length });
      stream.end(body);
      const status = await new Promise<number>((resolve, reject) => {
        stream.on("response", (response) => resolve(Number(response[":status"]))).on("error", reject);
      });
      return { status, body: Buffer.concat(await stream.toArray()) };
    } finally {
      session.close();
    }
  };
});
