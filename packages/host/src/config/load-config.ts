import { chmod, mkdir, readFile } from "node:fs/promises";
import { dirname } from "node:path";
import { writeDurable } from "../durable/index.ts";
import { HostError } from "../errors/host-error.ts";
import type { HostPaths } from "../place/paths.ts";
import { defaultDevConfig, type HostConfig, parseHostConfig } from "./host-config.ts";

/** Reads `blockvisor.json`; reading never writes (spec host-daemon DB-1.2). `dev`: no file is needed, and the API is not used. */
export async function loadHostConfig(paths: HostPaths, dev: boolean): Promise<HostConfig> {
  const text = await readFirst([paths.config, `${paths.config}_bak`]);
  if (text === undefined) {
    if (dev) return defaultDevConfig();
    throw new HostError("config_error", `failed to read host config: ${paths.config} does not exist`, {
      hint: "register this host with `bvup TOKEN`, or start `blockvisord --dev` for image development",
    });
  }
  const config = parseHostConfig(text, paths.config);
  return dev ? { ...config, devMode: true } : config;
}

/** Rewrites `blockvisor.json` with some keys changed; keys that we do not know stay (DB-1.4). `undefined` removes a key. */
export async function amendConfigFile(paths: HostPaths, change: Readonly<Record<string, unknown>>): Promise<void> {
  const text = await readFile(paths.config, "utf8");
  const merged = { ...(JSON.parse(text) as Record<string, unknown>), ...change };
  await mkdir(dirname(paths.config), { recursive: true });
  await writeDurable(paths.config, JSON.stringify(merged, undefined, 2), 0o600);
  await chmod(paths.config, 0o600);
}

/** The second name is what the reference leaves behind when it is killed while saving (DB-1.1). */
async function readFirst(candidates: readonly string[]): Promise<string | undefined> {
  for (const path of candidates) {
    const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return undefined;
      throw new HostError("config_error", `failed to read host config: ${path}: ${error.message}`);
    });
    if (text !== undefined) return text;
  }
  return undefined;
}
