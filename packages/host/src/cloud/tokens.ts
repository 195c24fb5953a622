import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import type { Logger } from "pino";
import { z } from "zod";
import type { HostConfig } from "../config/host-config.ts";
import { amendConfigFile } from "../config/load-config.ts";
import { readVersioned, writeDurable } from "../durable/index.ts";
import { HostError } from "../errors/host-error.ts";
import type { HostPaths } from "../place/paths.ts";

const schema = z.object({ token: z.string(), refresh_token: z.string() });

export type TokenPair = z.infer<typeof schema>;

/**
 * `auth.json`, 0600. Tokens that bvup (or an older version) put into `blockvisor.json` move here, and stay there while this file cannot be
 * written (spec host-daemon DB-1.2).
 */
export async function loadTokens(paths: HostPaths, config: HostConfig, log: Pick<Logger, "warn">): Promise<TokenPair> {
  const { token, refresh_token } = config.file;
  if (token !== undefined && refresh_token !== undefined) {
    const pair = { token, refresh_token };
    try {
      await writeTokens(paths, pair);
      await amendConfigFile(paths, { token: undefined, refresh_token: undefined });
    } catch (error) {
      log.warn(`API tokens stay in ${paths.config}: ${(error as Error).message}`);
    }
    return pair;
  }
  const stored = await readVersioned(paths.auth, { version: 1, schema });
  if (stored) return stored;
  throw new HostError("config_error", `no API tokens in ${paths.auth} or ${paths.config}`, {
    hint: "register the host again with `bvup TOKEN`",
  });
}

/** Durable in `auth.json`, or else in `blockvisor.json`, which counts more than an older pair in the other. */
export async function saveTokens(paths: HostPaths, pair: TokenPair): Promise<void> {
  await writeTokens(paths, pair).catch(() => amendConfigFile(paths, pair));
}

async function writeTokens(paths: HostPaths, pair: TokenPair): Promise<void> {
  await mkdir(dirname(paths.auth), { recursive: true });
  await writeDurable(paths.auth, JSON.stringify({ schema_version: 1, ...pair }));
}

/** Part of a token's life after which it is replaced, well before the server refuses it (spec host-daemon DB-7.2). */
const refreshAt = 0.8;

/** The access token of this host, fresh when asked for. Concurrent callers share one refresh. */
export class TokenKeeper {
  readonly #refresh: (pair: TokenPair) => Promise<TokenPair>;
  readonly #save: (pair: TokenPair) => Promise<void>;
  #pair: TokenPair;
  #refreshing: Promise<void> | undefined;

  constructor(
    pair: TokenPair,
    refresh: (pair: TokenPair) => Promise<TokenPair>,
    save: (pair: TokenPair) => Promise<void>,
  ) {
    this.#pair = pair;
    this.#refresh = refresh;
    this.#save = save;
  }

  /** `force`: the server said the token has expired, whatever our clock says. */
  async token(force = false): Promise<string> {
    if (force || isDue(this.#pair.token, Date.now())) {
      this.#refreshing ??= this.#renew().finally(() => {
        this.#refreshing = undefined;
      });
      await this.#refreshing;
    }
    return this.#pair.token;
  }

  /** When the current token expires, epoch milliseconds. */
  get expiresAt(): number {
    return lifeOf(this.#pair.token).exp * 1000;
  }

  async #renew(): Promise<void> {
    // The old refresh token stays valid until its own end, so a crash between these two lines costs nothing (C3).
    const pair = await this.#refresh(this.#pair);
    await this.#save(pair);
    this.#pair = pair;
  }
}

function isDue(token: string, now: number): boolean {
  const { iat, exp } = lifeOf(token);
  const begin = iat ?? exp - 600;
  return now / 1000 >= begin + (exp - begin) * refreshAt;
}

const claims = z.object({ exp: z.number(), iat: z.number().optional() });

function lifeOf(token: string): z.infer<typeof claims> {
  const payload = token.split(".")[1];
  try {
    return claims.parse(JSON.parse(Buffer.from(payload ?? "", "base64url").toString("utf8")));
  } catch (cause) {
    throw new HostError("config_error", "Can't parse token", {
      hint: "register the host again with `bvup TOKEN`",
      cause,
    });
  }
}
