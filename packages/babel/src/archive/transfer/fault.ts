import { errnoOf, messageOf } from "../../errno.ts";

/**
 * Classes of failures of a transfer; each is handled in exactly one way. (§9.1, D4-09)
 *
 * - `transient`: again after a pause, as long as something gets through in half an hour
 * - `throttled`: the same, and fewer connections for a while
 * - `stalled`: too little came through for too long; the same as `throttled`
 * - `url-expired`: a new url, then again; costs nothing
 * - `range-unsupported`: this object from its beginning
 * - `corrupt`: this chunk from its beginning, three times at most
 * - `permanent`: the attempt fails, again would not help
 * - `environment`: the disk; the attempt pauses (full) or fails
 * - `cancelled`: asked to stop
 */
export type FaultKind =
  | "transient"
  | "throttled"
  | "stalled"
  | "url-expired"
  | "range-unsupported"
  | "corrupt"
  | "permanent"
  | "environment"
  | "cancelled";

export class TransferFault extends Error {
  readonly kind: FaultKind;
  /** The server asked to wait this long. */
  readonly retryAfterMs: number | undefined;

  constructor(
    kind: FaultKind,
    message: string,
    options: { readonly cause?: unknown; readonly retryAfterMs?: number | undefined } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "TransferFault";
    this.kind = kind;
    this.retryAfterMs = options.retryAfterMs;
  }
}

/** Whether it is to be tried with fewer connections: the store says so, or it does not keep up with them. (§9.5) */
export const isOverload = (kind: FaultKind): boolean => kind === "throttled" || kind === "stalled";

/** So much of an answer without an object is read for its reason. */
export const REASON_BYTES = 16 * 1024;

/** What S3 says with statuses that mean something else elsewhere. */
const KIND_OF_REASON: ReadonlyMap<string, FaultKind> = new Map([
  ["RequestTimeout", "stalled"],
  ["IncompleteBody", "transient"],
  ["OperationAborted", "transient"],
  ["ConditionalRequestConflict", "transient"],
  ["SlowDown", "throttled"],
  ["ExpiredToken", "url-expired"],
  ["TokenRefreshRequired", "url-expired"],
]);

/** @param body S3 says the reason in one word of it; the rest may repeat the signed url */
export function faultOfAnswer(status: number, retryAfter: string | undefined, body: string): TransferFault {
  const fault = faultOfStatus(status, retryAfter);
  const reason = /<Code>(\w{1,60})<\/Code>/.exec(body)?.[1];
  if (reason === undefined) return fault;
  const { kind, message, retryAfterMs } = fault;
  return new TransferFault(KIND_OF_REASON.get(reason) ?? kind, `${message} (${reason})`, { retryAfterMs });
}

/** Statuses of an object store that is asked for (GET) or given (PUT) one object with a signed url. */
export function faultOfStatus(status: number, retryAfter: string | undefined, now = Date.now()): TransferFault {
  const message = `server responded with ${status}`;
  const options = { retryAfterMs: retryAfterMs(retryAfter, now) };
  if (status === 401 || status === 403) return new TransferFault("url-expired", message, options);
  if (status === 416) return new TransferFault("permanent", `${message}: the object is shorter than the manifest says`);
  if (status === 408) return new TransferFault("stalled", message, options);
  if (status === 425) return new TransferFault("transient", message, options);
  if (status === 429 || status === 503) return new TransferFault("throttled", message, options);
  if (status >= 500) return new TransferFault("transient", message, options);
  return new TransferFault("permanent", message);
}

/** Seconds or a date, as HTTP has it; capped at an hour, for a wrong clock must not stop a transfer for days. */
function retryAfterMs(header: string | undefined, now = Date.now()): number | undefined {
  if (header === undefined) return undefined;
  const ms = /^\d+$/.test(header.trim()) ? Number(header) * 1000 : Date.parse(header) - now;
  return Number.isFinite(ms) ? Math.min(Math.max(ms, 0), 3_600_000) : undefined;
}

const DISK_FULL: readonly string[] = ["ENOSPC", "EDQUOT"];
const DISK: readonly string[] = [...DISK_FULL, "EIO", "EROFS", "EACCES", "EPERM", "EMFILE", "ENFILE"];

export const isDiskFull = (error: unknown): boolean => DISK_FULL.includes(errnoOf(causeWithCode(error)) ?? "");

/** The fault that any error amounts to: what is not known comes from the network, and is worth another try. */
export function faultOf(error: unknown): TransferFault {
  if (error instanceof TransferFault) return error;
  if (error instanceof Error && error.name === "AbortError") {
    return new TransferFault("cancelled", "interrupted", { cause: error });
  }
  if (error instanceof Error && error.name === "InvalidManifest") return new TransferFault("permanent", error.message);
  const errno = errnoOf(error);
  if (errno !== undefined && DISK.includes(errno)) {
    return new TransferFault("environment", messageOf(error), { cause: error });
  }
  return new TransferFault("transient", messageOf(error), { cause: error });
}

function causeWithCode(error: unknown): unknown {
  let found = error;
  while (found instanceof Error && errnoOf(found) === undefined && found.cause !== undefined) found = found.cause;
  return found;
}

/** Signed urls are secrets: what goes into messages is without their query. (§9.7) */
export function withoutQuery(url: string): string {
  const end = url.indexOf("?");
  return end === -1 ? url : url.slice(0, end);
}
