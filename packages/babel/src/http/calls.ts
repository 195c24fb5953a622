import { invalid } from "../failure.ts";
import { type HeaderPair, requestHeaders } from "./headers.ts";
import type { HttpClient, Request, Response } from "./request.ts";

export type JrpcCall = {
  readonly host: string;
  readonly method: string;
  /** JSON text. */
  readonly params?: string;
  readonly headers: readonly HeaderPair[];
  readonly responseLimit?: number;
  readonly timeoutMs?: number;
};

export type RestCall = {
  readonly url: string;
  readonly method: string;
  readonly body?: Uint8Array;
  readonly headers: readonly HeaderPair[];
  readonly responseLimit?: number;
  readonly timeoutMs?: number;
};

/** A JSON-RPC request by POST; neither HTTP status nor JSON-RPC errors are looked at. (§2.2) */
export function runJrpc(client: HttpClient, call: JrpcCall, cut: AbortSignal): Promise<Response> {
  if (call.params !== undefined) checkJson(call.params);
  // As text: numbers reach the service as the script wrote them.
  const params = call.params === undefined ? "" : `,"params":${call.params}`;
  const body = `{"jsonrpc":"2.0","id":0,"method":${JSON.stringify(call.method)}${params}}`;
  const headers = requestHeaders([{ name: "content-type", value: "application/json" }], call.headers);
  return client.send({ method: "POST", url: call.host, headers, body: Buffer.from(body), ...limitsOf(call) }, cut);
}

/** GET unless another method is asked for. (§2.3, D2-08) */
export function runRest(client: HttpClient, call: RestCall, cut: AbortSignal): Promise<Response> {
  const method = call.method === "" ? "GET" : call.method.toUpperCase();
  if (!/^[A-Z]{1,20}$/.test(method)) throw invalid("http-method-invalid", `not an HTTP method: ${call.method}`);
  const body = call.body === undefined ? {} : { body: call.body };
  return client.send(
    { method, url: call.url, headers: requestHeaders([], call.headers), ...body, ...limitsOf(call) },
    cut,
  );
}

/** 0 means none of the caller's own. */
function limitsOf({
  responseLimit = 0,
  timeoutMs = 0,
}: JrpcCall | RestCall): Pick<Request, "responseLimit" | "timeoutMs"> {
  return { responseLimit, timeoutMs };
}

function checkJson(text: string): void {
  try {
    JSON.parse(text);
  } catch {
    throw invalid("jrpc-params-invalid", "jrpc params are not valid JSON");
  }
}
