import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { repository } from "../tooling/command.ts";

/** `blockvisor-api` with everything embedded, in a temporary folder, on ports of its own. */
export interface Platform extends AsyncDisposable {
  readonly url: string;
  readonly userId: string;
  readonly email: string;
  readonly password: string;
  readonly provisionToken: string;
  /** As a power cut would end it. */
  kill(): void;
}

/** @param options more words of its command line; `--host` to be reached from nodes, which have a loopback of their own */
export async function startPlatform(...options: readonly string[]): Promise<Platform> {
  const directory = mkdtempSync(join(tmpdir(), "bv-e2e-platform-"));
  const settings = [
    "--data-dir",
    join(directory, "data"),
    "--port",
    "0",
    "--mqtt-port",
    "0",
    "--log-level",
    "warn",
    ...options,
  ];
  const child = spawn(join(repository, "bin/blockvisor-api"), ["serve", ...settings], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const said = new Map<string, string>();
  for await (const line of createInterface({ input: child.stdout })) {
    const [, name, value] = /^\s*([a-z ]+):\s+(\S+)$/.exec(line) ?? [];
    if (name && value) said.set(name, value);
    if (name === "mqtt") break;
  }
  const of = (name: string): string => {
    const value = said.get(name);
    if (value === undefined) throw new Error(`blockvisor-api did not say its ${name}`);
    return value;
  };
  return {
    url: of("api"),
    userId: of("user id"),
    email: of("email"),
    password: of("password"),
    provisionToken: of("provision token"),
    kill: () => child.kill("SIGKILL"),
    [Symbol.asyncDispose]: async () => {
      await end(child);
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill("SIGTERM");
  await once(child, "exit");
}
