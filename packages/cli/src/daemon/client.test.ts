import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { createServer as createHttp2 } from "node:http2";
import { join } from "node:path";
import { test } from "node:test";
import { runCli, TemporaryDirectory } from "../testing/cli-process.ts";
import { suiteVersion } from "../version.ts";
import { envelope } from "./envelopes.ts";

test("a daemon of another version is asked what both know, and says what it does not", async () => {
  using root = new TemporaryDirectory();
  for (const folder of ["etc", "run/blockvisor"]) mkdirSync(join(root.path, folder), { recursive: true });
  writeFileSync(join(root.path, "etc/blockvisor.json"), "{}");
  // A daemon of the future, as far as it matters here.
  const known: Readonly<Record<string, object>> = {
    GetInfo: { name: "blockvisord", version: "99.0.0", status: "SERVICE_STATUS_OK", laterField: [1] },
  };
  const server = createServer((request, response) => {
    const answer = known[request.url?.split("/").at(-1) ?? ""];
    response.writeHead(answer === undefined ? 404 : 200, { "blockvisor-version": "99.0.0" });
    response.end(JSON.stringify(answer));
  });
  server.listen(join(root.path, "run/blockvisor/blockvisord.sock"));
  await once(server, "listening");
  try {
    const env = { BV_ROOT: root.path };
    const differ = `blockvisord is version 99.0.0, this bv is ${suiteVersion}`;
    const advice = "`bv stop` and `bv start` bring the daemon to the version that is installed";
    const status = await runCli("bv", ["status"], { env });
    assert.deepEqual([status.status, status.stderr], [0, `Warning: ${differ}: ${advice} (BV908)\n`]);
    assert.match(status.stdout, /^Service running: blockvisord 99\.0\.0 - Ok\n/);
    const { status: exit, stderr } = await runCli("bv", ["host", "metrics", "--format", "json"], { env });
    assert.deepEqual(
      [exit, JSON.parse(stderr)],
      [1, { error: { code: "BV908", message: `${differ}, and only one of them knows GetHostMetrics`, hint: advice } }],
    );
  } finally {
    server.close();
  }
});

test("a shell that is cut off says so, also after what was said; a daemon that knows no shells is of another version", async () => {
  using root = new TemporaryDirectory();
  for (const folder of ["etc", "run/blockvisor"]) mkdirSync(join(root.path, folder), { recursive: true });
  writeFileSync(join(root.path, "etc/blockvisor.json"), "{}");
  const shell = () => runCli("bv", ["node", "shell", "any"], { env: { BV_ROOT: root.path } });
  const asked: unknown[] = [];
  const server = createHttp2((request, response) => {
    request.once("data", (start: Buffer) => {
      asked.push(JSON.parse(start.toString("utf8", 5)));
      if (asked.length === 1) {
        response.writeHead(404, { "blockvisor-version": "0.0.1" });
        response.end();
        return;
      }
      response.writeHead(200, { "blockvisor-version": suiteVersion });
      response.write(envelope(JSON.stringify({ started: {} })));
      response.write(envelope(JSON.stringify({ output: Buffer.from("said").toString("base64") })));
      setImmediate(() => request.stream.session?.destroy());
    });
  });
  server.listen(join(root.path, "run/blockvisor/blockvisord.sock"));
  await once(server, "listening");
  try {
    const unknown = await shell();
    assert.deepEqual([unknown.status, unknown.stdout], [1, ""]);
    assert.match(unknown.stderr, /only one of them knows OpenShell \(BV908\)/);
    const cut = await shell();
    assert.deepEqual([cut.status, cut.stdout], [4, "said"]);
    assert.match(cut.stderr, /^Error: the connection to blockvisord broke off \(BV901\)\n[\s\S]*hung up/);
    assert.deepEqual(asked, Array(2).fill({ start: { node: "any", command: [] } }));
  } finally {
    server.close();
  }
});
