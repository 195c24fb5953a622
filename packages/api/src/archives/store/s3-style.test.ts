import assert from "node:assert/strict";
import http from "node:http";
import { test } from "node:test";
import { quiet } from "../../testing/api-under-test.ts";
import { startS3rver } from "../testing/s3rver.ts";
import { createS3Store } from "./s3-store.ts";

test("host style: the bucket is part of the host name, in what is signed and in what the server sees", async (t) => {
  const server = await startS3rver();
  t.after(server.stop);
  const { port } = new URL(server.location.endpoint ?? "");
  const endpoint = `http://s3.localhost:${port}`;
  const store = await createS3Store({ ...server.location, endpoint, style: "host" }, quiet);
  const options = { seconds: 60, origin: "" };
  const { url } = await store.signPut("test-style-v1/1/data.part_0", options);
  const { host, pathname } = new URL(url);
  assert.deepEqual([host, pathname], [`archives.s3.localhost:${port}`, "/test-style-v1/1/data.part_0"]);
  assert.deepEqual(await send(url, "PUT", "content"), [200, ""]);
  assert.deepEqual(await send(await store.signGet("test-style-v1/1/data.part_0", options), "GET"), [200, "content"]);
  // Both styles name the same object.
  const byPath = await createS3Store(server.location, quiet);
  assert.equal(String(await byPath.get("test-style-v1/1/data.part_0", 100)), "content");
});

test("Amazon's own endpoint follows from the region", async () => {
  const location = { bucket: "archives", region: "eu-west-1", accessKeyId: "id", secretAccessKey: "secret" };
  const urlOf = async (style: "path" | "host") =>
    (await (await createS3Store({ ...location, style }, quiet)).signGet("a/b", { seconds: 60, origin: "" })).split(
      "?",
    )[0];
  assert.equal(await urlOf("host"), "https://archives.s3.eu-west-1.amazonaws.com/a/b");
  assert.equal(await urlOf("path"), "https://s3.eu-west-1.amazonaws.com/archives/a/b");
});

/** Over a connection to the loopback address, whatever the name resolves to here. */
async function send(url: string, method: string, body = ""): Promise<readonly [number | undefined, string]> {
  const response = await new Promise<http.IncomingMessage>((resolve, reject) => {
    const { hostname, port, host, pathname, search } = new URL(url);
    assert.ok(hostname.endsWith("localhost"));
    const request = http.request(
      { host: "localhost", port, method, path: pathname + search, headers: { host } },
      resolve,
    );
    request.on("error", reject);
    request.end(body);
  });
  let text = "";
  for await (const chunk of response) text += chunk;
  return [response.statusCode, text];
}
