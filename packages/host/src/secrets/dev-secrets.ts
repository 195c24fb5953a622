import { mkdir, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { writeDurable } from "../durable/index.ts";
import { HostError } from "../errors/host-error.ts";
import type { Secrets } from "./secrets.ts";

/** A key is the name of a file. */
const KEY = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;
/** What the reference's control plane has for every node, and all images of its public catalogue ask for. */
const ofEveryNode: ReadonlySet<string> = new Set(["cloudflare-cert-key", "grafana-loki-key", "grafana-prometheus-key"]);
const mostSecrets = 256;
const maxBytes = 64 * 1024;

/**
 * Secrets of a dev node, in files that only root can read: what its own plugin put (`own`, a directory with a file for each), else those of
 * the machine's engineer (`shared`, one JSON object, key → text), which are read at each call, so that an edit counts at once, else
 * `dev-secret` for those that each node has in production. There are no others, as there; in the reference each was `dev-secret` (spec
 * plugin-api §2.10, §2 "Secrets").
 */
export function devSecrets(shared: string, own: string): Secrets {
  return {
    get: async (key) => {
      const put = KEY.test(key) ? await ifThere(readFile(join(own, key))) : undefined;
      if (put !== undefined) return new Uint8Array(put);
      const values = await readShared(shared);
      const given = values !== undefined && Object.hasOwn(values, key) ? values[key] : undefined;
      const value = given ?? (ofEveryNode.has(key) ? "dev-secret" : undefined);
      return value === undefined ? undefined : new TextEncoder().encode(value);
    },
    put: async (key, value) => {
      requireSecret(key, value);
      await mkdir(own, { recursive: true, mode: 0o700 });
      const known = await readdir(own);
      if (known.length >= mostSecrets && !known.includes(key)) throw tooMany();
      await writeDurable(join(own, key), value);
    },
  };
}

/** The secrets of a dev node by their keys, for who must not let any of them go. */
export async function knownDevSecrets(shared: string, own: string): Promise<ReadonlyMap<string, Uint8Array>> {
  const known = new Map<string, Uint8Array>();
  for (const [key, text] of Object.entries((await readShared(shared)) ?? {})) known.set(key, Buffer.from(text));
  for (const key of (await ifThere(readdir(own))) ?? []) {
    const value = KEY.test(key) ? await ifThere(readFile(join(own, key))) : undefined;
    if (value) known.set(key, value);
  }
  return known;
}

/** Refuses secrets for a new node of which one could not be put. */
export function requireSecrets(secrets: Readonly<Record<string, string>>): void {
  for (const [key, text] of Object.entries(secrets)) requireSecret(key, Buffer.from(text));
  if (Object.keys(secrets).length > mostSecrets) throw tooMany();
}

function requireSecret(key: string, value: Uint8Array): void {
  const named = `'${key.slice(0, 200)}' is no key: use letters, digits, dots, dashes and underscores`;
  if (!KEY.test(key)) throw refused(named);
  if (value.length > maxBytes) throw refused(`a secret has at most ${maxBytes} bytes`);
}

const tooMany = (): HostError => refused(`a node has at most ${mostSecrets} secrets`);

const refused = (what: string): HostError => new HostError("invalid", `put_key failed: ${what}`);

async function readShared(path: string): Promise<Record<string, string> | undefined> {
  const text = await ifThere(readFile(path, "utf8"));
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

async function ifThere<T>(content: Promise<T>): Promise<T | undefined> {
  return content.catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
}
