import { existsSync } from "node:fs";
import { join } from "node:path";
import { Failure } from "../failure/failure.ts";

/** The prefix of all host paths (host-daemon §1.4): `BV_ROOT`, or `/`. */
function hostRoot(): string {
  return process.env["BV_ROOT"] || "/";
}

export function hostConfigPath(): string {
  return join(hostRoot(), "etc/blockvisor.json");
}

export function daemonSocketPath(): string {
  return join(hostRoot(), "run/blockvisor/blockvisord.sock");
}

/** Where the nodes are, and the links `<id>` → `nodes/<id>`. */
export function stateDirectory(): string {
  return join(hostRoot(), "var/lib/blockvisor");
}

/**
 * The configuration, or what an interrupted save of an older program left of it, which the daemon restores when it starts (host-daemon
 * DB-1.1). Undefined: this machine has none.
 */
export function foundHostConfig(): string | undefined {
  const path = hostConfigPath();
  return [path, `${path}_bak`].find((candidate) => existsSync(candidate));
}

/** Host-daemon §2.1: nothing works on a machine that was never set up, unless a daemon runs there all the same. */
export function requireRegisteredHost(): void {
  if (foundHostConfig() !== undefined || existsSync(daemonSocketPath())) return;
  throw new Failure("not-registered", "Host is not registered, please run `bvup` first", {
    causes: [`${hostConfigPath()} does not exist`],
    hint: "`bvup TOKEN` registers this machine; `bvup --help` shows how",
  });
}
