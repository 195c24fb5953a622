import { readFile } from "node:fs/promises";
import { z } from "zod";
import { HostError } from "../errors/host-error.ts";

/** Where `get_secret` / `put_secret` of one node end. */
export interface Secrets {
  /** `undefined` = there is no such secret. */
  get(key: string, signal: AbortSignal): Promise<Uint8Array | undefined>;
  put(key: string, value: Uint8Array, signal: AbortSignal): Promise<void>;
}

/**
 * Dev nodes: one JSON object, key → text, in a file only root can read. It is read at each call, so that an edit counts at once.
 * Without the file every secret is `dev-secret`, as in the reference; `put` is accepted and kept nowhere.
 */
export function devSecrets(path: string): Secrets {
  return {
    get: async (key) => {
      const values = await readSecretsFile(path);
      if (values === undefined) return new TextEncoder().encode("dev-secret");
      const value = values[key];
      return value === undefined ? undefined : new TextEncoder().encode(value);
    },
    put: async () => {},
  };
}

async function readSecretsFile(path: string): Promise<Record<string, string> | undefined> {
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
  if (text === undefined) return undefined;
  const parsed = z.record(z.string(), z.string()).safeParse(parseJson(text));
  if (parsed.success) return parsed.data;
  throw new HostError("config_error", `${path} is not a JSON object of texts`, {
    hint: 'write it as { "secret-key": "value" } with mode 0600',
  });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
