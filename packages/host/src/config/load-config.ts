import { chmod, copyFile, mkdir, readFile } from "node:fs/promises";
import { dirname } from "node:path";
import { removeDurable, writeDurable } from "../durable/index.ts";
import { HostError } from "../errors/host-error.ts";
import type { HostPaths } from "../place/paths.ts";
import { defaultDevConfig, type HostConfig, parseHostConfig } from "./host-config.ts";
import { completed } from "./machine-network.ts";

/**
 * Reads `blockvisor.json`; reading never writes (spec host-daemon DB-1.2), but for what an interrupted save of an older program left: then
 * its backup takes the place of what is missing or torn, and `warn` is told. `dev`: no file is needed, and the API is not used.
 */
export async function loadHostConfig(
  paths: HostPaths,
  dev: boolean,
  warn: (message: string) => void = () => {},
): Promise<HostConfig> {
  const found = await readIfThere(paths.config);
  return configOf(isJson(found) ? found : ((await restored(paths, warn)) ?? found), paths, dev);
}

/** As `loadHostConfig`, of the file as it is now: what somebody may be writing is not replaced by anything. */
export async function readHostConfig(paths: HostPaths, dev: boolean): Promise<HostConfig> {
  return configOf(await readIfThere(paths.config), paths, dev);
}

function configOf(text: string | undefined, paths: HostPaths, dev: boolean): HostConfig {
  if (text === undefined) {
    if (dev) return defaultDevConfig();
    throw new HostError("config_error", `failed to read host config: ${paths.config} does not exist`, {
      hint: "register this host with `bvup TOKEN`, or start `blockvisord --dev` for image development",
    });
  }
  const read = parseHostConfig(text, paths.config);
  const config = { ...read, network: completed(read.network, read.interface) };
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

/**
 * The backup of an interrupted save (spec host-daemon DB-1.1, C1, C2), which is the configuration from now on; what cannot be read is kept
 * beside it. Undefined without one.
 */
async function restored({ config }: HostPaths, warn: (message: string) => void): Promise<string | undefined> {
  const backup = `${config}_bak`;
  const text = await readIfThere(backup);
  if (text === undefined || !isJson(text)) return undefined;
  parseHostConfig(text, backup);
  const aside = `${config}.unreadable-${Date.now()}`;
  const wasTorn = await copyFile(config, aside).then(
    () => true,
    () => false,
  );
  await writeDurable(config, text, 0o600);
  // Once: what is wrong with the file another time is for a person to decide.
  await removeDurable(backup);
  warn(`${config} ${wasTorn ? `could not be read (it is kept in ${aside})` : "was missing"}: restored from ${backup}`);
  return text;
}

function isJson(text: string | undefined): boolean {
  if (text === undefined) return false;
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

async function readIfThere(path: string): Promise<string | undefined> {
  return readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw new HostError("config_error", `failed to read host config: ${path}: ${error.message}`);
  });
}
