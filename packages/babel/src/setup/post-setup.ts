import { spawn } from "node:child_process";
import { accessSync } from "node:fs";
import { open } from "node:fs/promises";
import { isMissing, messageOf } from "../errno.ts";
import { internal, timedOut } from "../failure.ts";
import type { Paths } from "../paths.ts";
import { statOf } from "../process/identity.ts";
import { randomId } from "../process/random-id.ts";
import { endRun, RUN_ID_VARIABLE } from "../process/run-processes.ts";

const TIMEOUT_MS = 300_000;

/** Runs the image's own hook at each Setup; its output is kept in post_setup.log. (§1.8, D1-13) */
export async function runPostSetup(paths: Paths, env: Readonly<Record<string, string>>): Promise<void> {
  if (!hasPostSetup(paths)) return;
  const timeoutMs = Number(process.env["BABEL_POST_SETUP_TIMEOUT_MS"]) || TIMEOUT_MS;
  const log = await open(paths.postSetupLog, "w", 0o640);
  const runId = randomId();
  try {
    const child = spawn(paths.postSetup, [], {
      cwd: "/",
      env: { ...env, [RUN_ID_VARIABLE]: runId },
      stdio: ["ignore", log.fd, log.fd],
      detached: true,
    });
    const leader = child.pid === undefined ? undefined : statOf(child.pid);
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      void endRun({ runId, leader }, { signal: "SIGTERM", patienceMs: 2_000 });
    }, timeoutMs);
    const how = await new Promise<string | undefined>((resolve) => {
      child.once("error", (error) => resolve(messageOf(error)));
      child.once("exit", (code, signal) => resolve(code === 0 ? undefined : describe(code, signal)));
    }).finally(() => clearTimeout(timer));
    if (late)
      throw timedOut("post-setup-timeout", `failed to setup node with: ${paths.postSetup} took over ${timeoutMs} ms`);
    if (how !== undefined) {
      const hint = "Its output is in /var/lib/babel/post_setup.log.";
      throw internal("post-setup-failed", `failed to setup node with: ${paths.postSetup}: ${how}`, hint);
    }
  } finally {
    await log.close();
  }
}

export function hasPostSetup(paths: Paths): boolean {
  try {
    accessSync(paths.postSetup);
    return true;
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}

const describe = (code: number | null, signal: NodeJS.Signals | null): string =>
  signal === null ? `exited with code ${code}` : `killed by signal ${signal}`;
