import { createHash } from "node:crypto";
import { pipeline } from "node:stream/promises";
import { type HttpRequest, type HttpResponse, json } from "../../listener/http-routes.ts";
import { requestedRange } from "./byte-range.ts";
import type { DirectoryFiles, Draft } from "./directory-files.ts";
import type { PathSigner, Permit } from "./signed-path.ts";

export interface ObjectRoutes {
  readonly files: DirectoryFiles;
  readonly signer: PathSigner;
  readonly maxObjectBytes: number;
  /** Whether an object may still be written: those of a published version may not. */
  writable(key: string): Promise<boolean>;
}

const readAhead = 1024 * 1024;
/** A sender that is silent for so long is gone. */
const silentMs = 60_000;

/** Serves the signed urls of the directory store: GET and HEAD with ranges, PUT. */
export function objectRoutes(routes: ObjectRoutes) {
  return async (request: HttpRequest, response: HttpResponse): Promise<void> => {
    response.setHeader("cache-control", "private, no-store");
    if (request.method !== "GET" && request.method !== "HEAD" && request.method !== "PUT") {
      response.setHeader("allow", "GET, HEAD, PUT");
      return refuse(response, 405, "Only GET, HEAD and PUT.");
    }
    const permit = routes.signer.verify(request.method, request.url ?? "", Date.now());
    if (permit === undefined) return refuse(response, 403, "The url has expired or was not signed here.");
    if (permit.method === "PUT") return receive(routes, permit, request, response);
    return send(routes, permit, request, response);
  };
}

async function send(routes: ObjectRoutes, { key }: Permit, request: HttpRequest, response: HttpResponse) {
  const handle = await routes.files.open(key);
  if (handle === undefined) return refuse(response, 404, "There is no such object.");
  try {
    const { size, mtimeMs, ino } = await handle.stat();
    const etag = `"${size.toString(16)}-${Math.floor(mtimeMs).toString(16)}-${ino.toString(16)}"`;
    const condition = request.headers["if-range"];
    const range = requestedRange(
      condition === undefined || condition === etag ? request.headers.range : undefined,
      size,
    );
    response.setHeader("accept-ranges", "bytes");
    response.setHeader("etag", etag);
    if (range.kind === "unsatisfiable") {
      response.setHeader("content-range", `bytes */${size}`);
      return refuse(response, 416, "The range lies outside of the object.");
    }
    const [first, last] = range.kind === "part" ? [range.first, range.last] : [0, size - 1];
    response.statusCode = range.kind === "part" ? 206 : 200;
    if (range.kind === "part") response.setHeader("content-range", `bytes ${first}-${last}/${size}`);
    response.setHeader("content-type", "application/octet-stream");
    response.setHeader("content-length", last - first + 1);
    if (request.method === "HEAD" || last < first) {
      response.end();
      return;
    }
    const body = handle.createReadStream({ start: first, end: last, highWaterMark: readAhead, autoClose: false });
    // A receiver that goes away is its own affair.
    await pipeline(body, response as NodeJS.WritableStream).catch(() => response.destroy());
  } finally {
    await handle.close();
  }
}

async function receive(routes: ObjectRoutes, permit: Permit, request: HttpRequest, response: HttpResponse) {
  const length = Number(request.headers["content-length"] ?? Number.NaN);
  if (!Number.isSafeInteger(length)) return refuse(response, 411, "A PUT has to say its Content-Length.");
  if (permit.size !== undefined && permit.size !== length) {
    return refuse(response, 400, `The url is for a body of ${permit.size} bytes, not ${length}.`);
  }
  if (length > routes.maxObjectBytes) return refuse(response, 413, `More than ${routes.maxObjectBytes} bytes.`);
  if (!(await routes.writable(permit.key))) return refuse(response, 409, published);
  const draft = await routes.files.begin();
  try {
    const hash = await write(draft, request, length, permit.sha256 !== undefined);
    if (hash === undefined) {
      response.destroy();
      return;
    }
    if (permit.sha256 !== undefined && hash !== permit.sha256) {
      return refuse(response, 422, "The body does not have the sha256 that was signed.");
    }
    if (!(await routes.writable(permit.key))) return refuse(response, 409, published);
    await draft.commit(permit.key, false);
    response.statusCode = 200;
    response.setHeader("content-length", 0);
    response.end();
  } catch (error) {
    const full = ["ENOSPC", "EDQUOT"].includes((error as NodeJS.ErrnoException).code ?? "");
    if (!full) throw error;
    refuse(response, 507, "The archive store is full.");
  } finally {
    await draft.discard();
  }
}

const published = "The object belongs to a version that is published, released or somebody else's.";

/** @returns the body's sha256 (empty when nobody asks for it), undefined when the body ended early or stopped coming */
async function write(draft: Draft, request: HttpRequest, length: number, hashing: boolean) {
  const hash = hashing ? createHash("sha256") : undefined;
  let written = 0;
  const impatient = setTimeout(() => request.destroy(), silentMs);
  try {
    // Not ended with the loop: that would cut the connection before the refusal has gone out.
    for await (const piece of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      impatient.refresh();
      if (written + piece.length > length) return undefined;
      hash?.update(piece);
      await writeFully(draft, piece, written);
      written += piece.length;
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).syscall === "write") throw error;
    return undefined;
  } finally {
    clearTimeout(impatient);
  }
  return written === length ? (hash?.digest("hex") ?? "") : undefined;
}

async function writeFully(draft: Draft, piece: Buffer, position: number): Promise<void> {
  for (let at = 0; at < piece.length; ) {
    at += (await draft.handle.write(piece, at, piece.length - at, position + at)).bytesWritten;
  }
}

/**
 * What is left of a request's body is read and dropped: a connection that is cut instead would often take the answer with it, and the
 * sender would never learn that its url has expired.
 */
function refuse(response: HttpResponse, status: number, message: string): void {
  json(response, status, { message });
  response.req.resume();
}
