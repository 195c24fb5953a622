import * as http from "node:http";
import * as https from "node:https";
import { isIP } from "node:net";
import type { Readable } from "node:stream";
import { TextDecoder } from "node:util";
import { createBrotliDecompress, createGunzip, createInflate, createZstdDecompress } from "node:zlib";
import { errnoOf, messageOf } from "../errno.ts";
import { exhausted, Failure, invalid, timedOut, unavailable } from "../failure.ts";
import type { HeaderPair } from "./headers.ts";

export type Request = {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  readonly body?: Uint8Array;
  /** Bytes of the decoded body; 0 means 16 MiB. */
  readonly responseLimit?: number;
  /** For all redirects together; absent or 0: as long as the caller waits. */
  readonly timeoutMs?: number;
};

export type Response = { readonly status: number; readonly body: string; readonly headers: readonly HeaderPair[] };

const DEFAULT_LIMIT = 16 * 1024 * 1024;
const REDIRECTS = 10;
const DECODERS: Readonly<Record<string, () => NodeJS.ReadWriteStream & Readable>> = {
  gzip: createGunzip,
  deflate: createInflate,
  br: createBrotliDecompress,
  zstd: createZstdDecompress,
};

/** Sends HTTP requests from inside the node; one pool of connections per origin. Any status is a success. (§2.2, §2.3) */
export class HttpClient {
  /** Made with the first request: babel is sooner up without them. */
  #agents: ReturnType<typeof connectionPools> | undefined;

  close(): void {
    for (const { direct, proxied } of Object.values(this.#agents ?? {})) {
      direct.destroy();
      proxied.destroy();
    }
  }

  /** Follows up to ten redirects. */
  async send(request: Request, cut: AbortSignal): Promise<Response> {
    const { timeoutMs = 0 } = request;
    const ending = timeoutMs === 0 ? cut : AbortSignal.any([cut, AbortSignal.timeout(timeoutMs)]);
    let current = request;
    let url = parseUrl(request.url);
    for (let redirects = 0; ; redirects += 1) {
      const answer = await this.#exchange(current, url, ending).catch((error: unknown) => {
        throw explain(error, url, ending.aborted ? timeoutMs : undefined);
      });
      if (answer.redirect === undefined) return answer.response;
      if (redirects === REDIRECTS)
        throw unavailable("http-redirects", `more than ${REDIRECTS} redirects from ${request.url}`);
      const target = parseUrl(answer.redirect, url);
      current = redirected(current, answer.response.status, target.origin === url.origin);
      url = target;
    }
  }

  #exchange(request: Request, url: URL, cut: AbortSignal): Promise<{ response: Response; redirect?: string }> {
    return new Promise((resolve, reject) => {
      const protocol = url.protocol === "https:" ? "https:" : "http:";
      this.#agents ??= connectionPools();
      const agents = this.#agents[protocol];
      const outgoing = (protocol === "https:" ? https : http).request(url, {
        method: request.method,
        agent: isLocal(url.hostname) ? agents.direct : agents.proxied,
        signal: cut,
        headers: { "accept-encoding": "gzip, deflate, br, zstd", ...mutable(request.headers) },
      });
      outgoing.once("error", reject);
      outgoing.once("response", (incoming) => {
        const status = incoming.statusCode ?? 0;
        const location = [301, 302, 303, 307, 308].includes(status) ? incoming.headers.location : undefined;
        readBody(incoming, request.responseLimit || DEFAULT_LIMIT).then(
          (body) =>
            resolve({
              response: { status, body, headers: pairs(incoming.rawHeaders) },
              ...(location === undefined ? {} : { redirect: location }),
            }),
          reject,
        );
      });
      outgoing.end(request.body);
    });
  }
}

function connectionPools(): Readonly<Record<"http:" | "https:", { direct: http.Agent; proxied: http.Agent }>> {
  const options = { keepAlive: true, maxSockets: 32, maxFreeSockets: 4, timeout: 60_000 };
  const proxied = { ...options, proxyEnv: process.env };
  return {
    "http:": { direct: new http.Agent(options), proxied: new http.Agent(proxied) },
    "https:": { direct: new https.Agent(options), proxied: new https.Agent(proxied) },
  };
}

async function readBody(incoming: http.IncomingMessage, limit: number): Promise<string> {
  const decoder = DECODERS[(incoming.headers["content-encoding"] ?? "").trim().toLowerCase()];
  const stream: Readable = decoder === undefined ? incoming : incoming.pipe(decoder());
  incoming.once("error", (error) => stream.destroy(error));
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > limit) {
      incoming.destroy();
      throw exhausted("http-response-too-large", `response too large: more than ${limit} bytes`);
    }
    chunks.push(chunk);
  }
  const bytes = Buffer.concat(chunks);
  const charset = /charset="?([^";]+)/i.exec(incoming.headers["content-type"] ?? "")?.[1] ?? "utf-8";
  return decoderFor(charset).decode(bytes);
}

function decoderFor(charset: string): TextDecoder {
  try {
    return new TextDecoder(charset);
  } catch {
    return new TextDecoder();
  }
}

function redirected(request: Request, status: number, sameOrigin: boolean): Request {
  const headers = Object.entries(request.headers).filter(
    ([name]) => sameOrigin || !["authorization", "cookie", "proxy-authorization"].includes(name.toLowerCase()),
  );
  const toGet = status === 303 || ((status === 301 || status === 302) && request.method === "POST");
  if (!toGet) return { ...request, headers: Object.fromEntries(headers) };
  const { body: _body, ...rest } = request;
  const kept = headers.filter(([name]) => !name.toLowerCase().startsWith("content-"));
  return { ...rest, method: "GET", headers: Object.fromEntries(kept) };
}

function parseUrl(text: string, base?: URL): URL {
  const url = URL.parse(text, base?.href) ?? undefined;
  if (url === undefined || (url.protocol !== "http:" && url.protocol !== "https:")) {
    throw invalid("http-url-invalid", `not an http or https URL: ${text.slice(0, 500)}`);
  }
  return url;
}

/** Node-local targets are never sent through a proxy. (D2-09) */
function isLocal(hostname: string): boolean {
  const bare = hostname.replace(/^\[|\]$/g, "");
  if (isIP(bare) === 0) return bare === "localhost" || bare.endsWith(".localhost") || !bare.includes(".");
  return /^(127\.|10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.|0\.0\.0\.0$|::1$|f[cd]|fe80)/i.test(bare);
}

/** What went wrong, with the whole chain of causes. (D2-07) */
/** `timeoutMs`: the time is over that the request had; 0 = that of the call. */
function explain(error: unknown, url: URL, timeoutMs: number | undefined): Failure {
  if (error instanceof Failure) return error;
  const target = `${url.origin}${url.pathname}`;
  if (timeoutMs !== undefined) {
    const after = timeoutMs === 0 ? "" : ` after ${timeoutMs / 1000}s`;
    return timedOut("http-timeout", `timeout${after}: no complete response from ${target}`);
  }
  const errno = errnoOf(error);
  const kinds: Readonly<Record<string, string>> = {
    ECONNREFUSED: "connection refused",
    ENOTFOUND: "name not found",
    EAI_AGAIN: "name lookup failed",
    ECONNRESET: "connection reset",
    ETIMEDOUT: "connection timed out",
  };
  const kind = errno === undefined ? undefined : kinds[errno];
  const detail = messageOf(error instanceof AggregateError ? error.errors[0] : error);
  return unavailable("http-failed", `error sending request for url (${target}): ${kind ? `${kind}: ` : ""}${detail}`);
}

const mutable = (headers: Request["headers"]): Record<string, string | string[]> =>
  Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, typeof value === "string" ? value : [...value]]),
  );

function pairs(raw: readonly string[]): readonly HeaderPair[] {
  return Array.from({ length: raw.length / 2 }, (_, index) => ({ name: raw[index * 2]!, value: raw[index * 2 + 1]! }));
}
