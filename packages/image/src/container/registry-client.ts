import { readFile } from "node:fs/promises";
import { z } from "zod";
import { type ImageReference, isLoopbackRegistry } from "./image-reference.ts";

/** Most bytes of a token's answer, of a manifest. */
const DOCUMENT_LIMIT = 8 * 1024 * 1024;
const DOCUMENT_TIMEOUT_MS = 30_000;

const logins = z.object({ auths: z.record(z.string(), z.object({ auth: z.string().optional() })).default({}) });
const tokens = z.object({ token: z.string().optional(), access_token: z.string().optional() });

/** What one image's registry gives to who asks over HTTP (distribution-spec): enough to read, no more. */
export interface RegistryClient {
  /** `path` below the repository, `blobs/sha256:…`. Resolves whatever the status is; rejects where nobody answers. */
  get(path: string, headers: Readonly<Record<string, string>>, signal?: AbortSignal): Promise<Response>;
  /** A small document. Undefined: the registry does not give it. */
  document(path: string, headers: Readonly<Record<string, string>>, signal?: AbortSignal): Promise<Buffer | undefined>;
}

/** `authFile`: as of `skopeo login --authfile`. Registries on this machine are asked without TLS. */
export function openRegistry({ registry, repository }: ImageReference, authFile: string | undefined): RegistryClient {
  const host = registry === "docker.io" ? "registry-1.docker.io" : registry;
  const base = `${isLoopbackRegistry(registry) ? "http" : "https"}://${host}/v2/${repository}/`;
  let authorization: Promise<string | undefined> | undefined;

  const ask = async (
    path: string,
    headers: Readonly<Record<string, string>>,
    signal: AbortSignal | undefined,
  ): Promise<Response> => {
    const known = await authorization;
    // Blobs are often elsewhere: who leads there is not followed with the login (fetch drops it for another host).
    const all = { ...headers, ...(known === undefined ? {} : { authorization: known }) };
    return fetch(new URL(path, base), { headers: all, ...(signal ? { signal } : {}) });
  };

  const client: RegistryClient = {
    async get(path, headers, signal) {
      const first = await ask(path, headers, signal);
      if (first.status !== 401) return first;
      await first.body?.cancel();
      authorization = authorize(first.headers.get("www-authenticate") ?? "", registry, authFile, signal);
      return ask(path, headers, signal);
    },
    async document(path, headers, signal) {
      const patience = AbortSignal.timeout(DOCUMENT_TIMEOUT_MS);
      const answer = await client.get(path, headers, signal ? AbortSignal.any([signal, patience]) : patience);
      return answer.ok ? bounded(answer) : undefined;
    },
  };
  return client;
}

/** What the challenge of a registry wants: a login, or a token that its realm gives for one, or for none. */
async function authorize(
  challenge: string,
  registry: string,
  authFile: string | undefined,
  signal: AbortSignal | undefined,
): Promise<string | undefined> {
  const login = authFile === undefined ? undefined : await loginOf(registry, authFile);
  const basic = login === undefined ? undefined : `Basic ${login}`;
  if (/^basic /i.test(challenge)) return basic;
  const [, realm] = /\brealm="([^"]+)"/.exec(challenge) ?? [];
  if (!/^bearer /i.test(challenge) || realm === undefined) return undefined;
  const url = new URL(realm);
  if (url.protocol !== "https:" && !isLoopbackRegistry(url.host)) return undefined;
  for (const key of ["service", "scope"]) {
    const value = new RegExp(`\\b${key}="([^"]+)"`).exec(challenge)?.[1];
    if (value !== undefined) url.searchParams.set(key, value);
  }
  const headers = basic === undefined ? {} : { authorization: basic };
  const answer = await fetch(url, { headers, ...(signal ? { signal } : {}) });
  if (!answer.ok) return undefined;
  const { token, access_token: access } = tokens.parse(JSON.parse((await bounded(answer)).toString()));
  const given = token ?? access;
  return given === undefined ? undefined : `Bearer ${given}`;
}

async function loginOf(registry: string, authFile: string): Promise<string | undefined> {
  const { auths } = logins.parse(JSON.parse(await readFile(authFile, "utf8")));
  return auths[registry]?.auth ?? (registry === "docker.io" ? auths["https://index.docker.io/v1/"]?.auth : undefined);
}

async function bounded(answer: Response): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of answer.body ?? []) {
    size += part.length;
    if (size > DOCUMENT_LIMIT) throw new Error("the registry's answer is too long");
    parts.push(part);
  }
  return Buffer.concat(parts);
}
