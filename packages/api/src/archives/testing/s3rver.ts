import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import type { S3Location } from "../store/s3-client.ts";

const bucket = "archives";

/** s3rver, an S3 server that we did not write, as a process with a directory of its own. */
export async function startS3rver(): Promise<{ readonly location: S3Location; stop(): Promise<void> }> {
  const directory = await mkdtemp(path.join(tmpdir(), "blockvisor-s3rver-"));
  const command = fileURLToPath(new URL("bin/s3rver.js", import.meta.resolve("s3rver/package.json")));
  const flags = ["-d", directory, "-a", "localhost", "-p", "0", "--service-endpoint", "localhost"];
  const server = spawn(process.execPath, ["--no-deprecation", command, ...flags, "--configure-bucket", bucket], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  const port = await new Promise<number>((resolve, reject) => {
    let said = "";
    const hear = (chunk: Buffer) => {
      said += chunk.toString();
      const listening = /listening on \S+:(\d+)/.exec(said)?.[1];
      if (listening !== undefined) resolve(Number(listening));
    };
    server.stdout.on("data", hear);
    server.stderr.on("data", hear);
    server.once("exit", () => reject(new Error(`s3rver did not start:\n${said}`)));
  });
  return {
    location: {
      bucket,
      region: "us-east-1",
      accessKeyId: "S3RVER",
      secretAccessKey: "S3RVER",
      endpoint: `http://localhost:${port}`,
      style: "path",
    },
    async stop() {
      const exited = once(server, "exit");
      server.kill("SIGKILL");
      await exited;
      await rm(directory, { recursive: true, force: true });
    },
  };
}
