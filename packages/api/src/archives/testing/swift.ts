import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { AwsV4Signer } from "aws4fetch";
import type { S3Location } from "../store/s3-client.ts";

const script = fileURLToPath(new URL("../../../../../tooling/swift-s3.py", import.meta.url));
/** The distribution's: a Python of somebody's own does not have its packages. */
const python = "/usr/bin/python3";

/** OpenStack Swift with its S3 interface and an empty bucket. */
export async function startSwift(): Promise<{ readonly location: S3Location; stop(): Promise<void> }> {
  const found = spawnSync(python, ["-c", "import swift"]);
  if (found.status !== 0) throw new Error("OpenStack Swift is missing: apt-get install python3-swift");
  const directory = await mkdtemp(path.join(tmpdir(), "blockvisor-swift-"));
  const server = spawn(python, ["-I", script, directory], { stdio: ["pipe", "pipe", "pipe"] });
  const port = await new Promise<number>((resolve, reject) => {
    let said = "";
    server.stderr.on("data", (chunk: Buffer) => (said += chunk.toString()));
    server.stdout.on("data", (chunk: Buffer) => {
      const listening = /listening on (\d+)/.exec(chunk.toString())?.[1];
      if (listening !== undefined) resolve(Number(listening));
    });
    server.once("exit", () => reject(new Error(`Swift did not start:\n${said}`)));
  });
  const location = {
    bucket: "archives",
    region: "us-east-1",
    accessKeyId: "test:tester",
    secretAccessKey: "testing",
    endpoint: `http://127.0.0.1:${port}`,
    style: "path",
  } as const;
  const stop = async () => {
    const exited = once(server, "exit");
    server.kill("SIGKILL");
    await exited;
    await rm(directory, { recursive: true, force: true });
  };
  const { url, headers } = await new AwsV4Signer({
    ...location,
    service: "s3",
    method: "PUT",
    url: `${location.endpoint}/${location.bucket}`,
  }).sign();
  const made = await fetch(url, { method: "PUT", headers });
  if (made.ok) return { location, stop };
  await stop();
  throw new Error(`Swift did not make the bucket: ${made.status} ${await made.text()}`);
}
