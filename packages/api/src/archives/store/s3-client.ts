import { createHash } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import type { AwsV4Signer } from "aws4fetch";
import type { Logger } from "pino";
import { keySegments } from "./object-key.ts";
import { storeUnavailable } from "./store-unavailable.ts";

export interface S3Location {
  readonly bucket: string;
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** absent: Amazon's own */
  readonly endpoint?: string | undefined;
  /** `path`: https://endpoint/bucket/key, `host`: https://bucket.endpoint/key */
  readonly style: "path" | "host";
}

interface S3Request {
  readonly method: "GET" | "PUT" | "HEAD" | "DELETE";
  /** absent: the bucket */
  readonly key?: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
}

export interface S3Client {
  /** @throws UNAVAILABLE when the server does not answer or is overloaded, after some attempts; an Error for refusals */
  send(request: S3Request): Promise<S3Answer>;
  /** a url that does `request` for whoever has it */
  presign(request: Omit<S3Request, "body">, seconds: number): Promise<string>;
}

export interface S3Answer {
  readonly status: number;
  readonly headers: Headers;
  body(): Promise<Buffer>;
}

const attempts = 4;
const firstPauseMs = 200;
const quietMs = 30_000;
/** The slowest transfer of a manifest that is waited for: 1 MB/s. */
const bytesPerMs = 1000;
/** Answers that a caller of `send` knows how to read; everything else is an error. */
const expected = new Set([200, 204, 206, 404, 409, 412, 501]);

/** The few operations of S3 that archives need (signature version 4). */
export function createS3Client(location: S3Location, Signer: typeof AwsV4Signer, log: Logger): S3Client {
  const base = bucketUrl(location);
  const { region, accessKeyId, secretAccessKey } = location;
  const credentials = { region, accessKeyId, secretAccessKey, service: "s3" };
  const cache = new Map<string, ArrayBuffer>();
  const urlOf = ({ key, query }: S3Request) => {
    const url = new URL(base);
    if (key !== undefined) url.pathname += keySegments(key).join("/");
    for (const [name, value] of Object.entries(query ?? {})) url.searchParams.set(name, value);
    return url;
  };
  const sign = (request: S3Request) => {
    const { body } = request;
    const hash = createHash("sha256")
      .update(body ?? "")
      .digest("hex");
    return new Signer({
      ...credentials,
      cache,
      method: request.method,
      url: urlOf(request).href,
      headers: { ...request.headers, "x-amz-content-sha256": hash },
    }).sign();
  };
  const exchange = async (request: S3Request, signed: Awaited<ReturnType<typeof sign>>): Promise<S3Answer> => {
    const { body } = request;
    const response = await fetch(signed.url, {
      method: request.method,
      headers: signed.headers,
      redirect: "error",
      signal: AbortSignal.timeout(quietMs + Math.ceil((body?.length ?? 0) / bytesPerMs)),
      ...(body === undefined ? {} : { body: body as Uint8Array<ArrayBuffer> }),
    });
    const { status, headers } = response;
    return { status, headers, body: async () => Buffer.from(await response.arrayBuffer()) };
  };
  return {
    async send(request) {
      for (let attempt = 1; ; attempt += 1) {
        // Signed anew each time: a signature is good for some minutes only.
        const signed = await sign(request);
        const answer = await exchange(request, signed).catch((error: unknown) => ({ failure: error }));
        if (!("failure" in answer)) {
          if (expected.has(answer.status)) return answer;
          const text = (await answer.body().catch(() => Buffer.alloc(0))).toString("utf8", 0, 500);
          if (answer.status !== 429 && answer.status < 500) {
            throw new Error(
              `S3 answered ${answer.status} to ${request.method} ${request.key ?? "the bucket"}: ${text}`,
            );
          }
          log.warn({ status: answer.status, method: request.method, text }, "object store is overloaded or broken");
        } else log.warn({ error: String(answer.failure), method: request.method }, "object store does not answer");
        if (attempt === attempts) throw storeUnavailable();
        await pause(firstPauseMs * 2 ** attempt * (0.5 + Math.random()));
      }
    },
    async presign(request, seconds) {
      const url = urlOf(request);
      url.searchParams.set("X-Amz-Expires", String(seconds));
      const signer = new Signer({
        ...credentials,
        cache,
        method: request.method,
        url: url.href,
        headers: { ...request.headers },
        signQuery: true,
        allHeaders: true,
      });
      return (await signer.sign()).url.href;
    },
  };
}

function bucketUrl({ bucket, region, endpoint, style }: S3Location): string {
  const url = new URL(endpoint ?? `https://s3.${region}.amazonaws.com`);
  if (!url.pathname.endsWith("/")) url.pathname += "/";
  if (style === "host") url.hostname = `${bucket}.${url.hostname}`;
  else url.pathname += `${bucket}/`;
  return url.href;
}
