import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { output } from "./command.ts";

export interface DockerDaemon {
  /** Value for DOCKER_HOST; undefined: the machine's own daemon, under docker's own rules. */
  readonly host: string | undefined;
  stop(): Promise<void>;
}

/** The machine's Docker daemon where one answers, else a private one without networking, which `stop` ends and removes. */
export async function dockerDaemon(): Promise<DockerDaemon> {
  if (output("docker", ["version", "--format", "{{.Server.Version}}"])) {
    return { host: process.env["DOCKER_HOST"], stop: async () => {} };
  }
  if (!output("sh", ["-c", "command -v dockerd"])) throw new Error("dockerd is missing: apt-get install docker.io");
  const directory = mkdtempSync(join(tmpdir(), "bv-docker-"));
  const host = `unix://${directory}/docker.sock`;
  const log = openSync(join(directory, "log"), "w");
  const child = spawn(
    "dockerd",
    [
      ...["-H", host, "--data-root", join(directory, "data"), "--exec-root", join(directory, "exec")],
      ...["--pidfile", join(directory, "pid"), "--iptables=false", "--bridge=none"],
    ],
    { stdio: ["ignore", log, log] },
  );
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const stop = async () => {
    child.kill("SIGTERM");
    await ended;
    output("sh", ["-c", 'umount -l "$1"/data/* "$1"/exec/* 2>/dev/null; true', "sh", directory]);
    rmSync(directory, { recursive: true, force: true });
  };
  for (let attempt = 0; attempt < 150; attempt += 1) {
    if (child.exitCode !== null) break;
    if (existsSync(join(directory, "docker.sock")) && output("docker", ["-H", host, "info"])) return { host, stop };
    await delay(200);
  }
  const said = readFileSync(join(directory, "log"), "utf8").trim().split("\n").slice(-3).join("\n");
  await stop();
  throw new Error(`dockerd did not start:\n${said}`);
}
