import { Float, RhaiArray, RhaiMap, type Value } from "@blockvisor/rhai";
import type { JrpcRequest, RestRequest } from "../engine/port.ts";
import { invalid, json, mismatch, type Reader, string } from "../values/reader.ts";

/** A request that cannot be sent; the message is the reference's. */
export class RequestError extends Error {}

const DEFAULT_TIMEOUT_MS = 15_000;

type Headers = readonly (readonly [string, string])[];

/** Seconds of an optional second argument, in milliseconds. */
export function timeoutMs(seconds: Value): number {
  if (seconds === undefined) return DEFAULT_TIMEOUT_MS;
  const value = seconds instanceof Float ? seconds.n : Number(seconds);
  if (!(value >= 0)) throw new RequestError("out of range integral type conversion attempted");
  return Math.min(value * 1000, Number.MAX_SAFE_INTEGER);
}

/** MAP name → value, or ARRAY of pairs. Repeated names are all kept. */
function headersOf(value: Value): Headers {
  if (value === undefined) return [];
  const pairs =
    value instanceof RhaiMap
      ? value.keys().map((key): readonly Value[] => [key, value.get(key)])
      : value instanceof RhaiArray
        ? value.items.map((item): readonly Value[] => (item instanceof RhaiArray ? item.items : []))
        : undefined;
  if (!pairs) throw new RequestError("unsupported jrpc headers type");
  return pairs.map(([name, text, ...rest]) => {
    if (typeof name !== "string" || typeof text !== "string" || rest.length > 0)
      throw new RequestError("unsupported jrpc headers type");
    return [name, text];
  });
}

export const jrpcRequest: Reader<JrpcRequest> = (value, path, problems) => {
  const map = value as RhaiMap;
  const params = map.get("params");
  if (params !== undefined && !(params instanceof RhaiArray || params instanceof RhaiMap)) {
    throw new RequestError("unsupported jrpc params type");
  }
  return {
    host: field(map, "host", path, problems),
    method: field(map, "method", path, problems),
    ...(params !== undefined && { params: json(params, "params", problems) }),
    headers: headersOf(map.get("headers")),
  };
};

/** `method` and `body` are ours; a MAP or ARRAY is sent as JSON. (D2-08) */
export const restRequest: Reader<RestRequest> = (value, path, problems) => {
  const map = value as RhaiMap;
  const [method, body] = [map.get("method"), map.get("body")];
  const headers = headersOf(map.get("headers"));
  const request = {
    url: field(map, "url", path, problems),
    method: method === undefined ? "GET" : string(method, "method", problems),
  };
  if (body === undefined) return { ...request, headers };
  if (typeof body === "string") return { ...request, body, headers };
  const typed = headers.some(([name]) => name.toLowerCase() === "content-type");
  const type: Headers = typed ? [] : [["Content-Type", JSON_TYPE]];
  return { ...request, body: json(body, "body", problems), headers: [...type, ...headers] };
};

const JSON_TYPE = "application/json";

/** GraphQL over GET: query, variables and operation name percent-encoded in the URL; with `method: "POST"` as JSON. (D2-08) */
export const graphqlRequest: Reader<RestRequest> = (value, path, problems) => {
  const map = value as RhaiMap;
  const url = field(map, "url", path, problems);
  const variables = map.get("variables");
  const operation = map.get("operation_name");
  if (variables !== undefined && !(variables instanceof RhaiMap)) mismatch(variables, "variables", "map", problems);
  if (operation !== undefined && typeof operation !== "string")
    mismatch(operation, "operation_name", "String", problems);
  const own = headersOf(map.get("headers")).filter(
    ([name]) => !["content-type", "accept"].includes(name.toLowerCase()),
  );
  const headers: Headers = [["Content-Type", JSON_TYPE], ["Accept", JSON_TYPE], ...own];
  const query = field(map, "query", path, problems);
  const values = variables === undefined ? undefined : json(variables, "variables", problems);
  const name = operation === undefined ? undefined : String(operation);
  const method = map.get("method");
  if (typeof method === "string" && method.toUpperCase() === "POST") {
    const parts = [
      ["query", JSON.stringify(query)],
      ["variables", values],
      ["operationName", JSON.stringify(name)],
    ];
    return { url, method: "POST", body: `{${present(parts).map(([key, text]) => `"${key}":${text}`)}}`, headers };
  }
  const parts = [
    ["query", query],
    ["variables", values],
    ["operationName", name],
  ];
  const asked = present(parts)
    .map(([key, text]) => `${key}=${percentEncode(text)}`)
    .join("&");
  return { url: `${url}${url.includes("?") ? "&" : "?"}${asked}`, method: "GET", headers };
};

const present = (parts: readonly (readonly (string | undefined)[])[]): [key: string, text: string][] =>
  parts.flatMap(([key, text]) => (key === undefined || text === undefined ? [] : [[key, text] as [string, string]]));

const field = (map: RhaiMap, name: string, path: string, problems: Parameters<Reader<string>>[2]): string => {
  if (map.has(name)) return string(map.get(name), name, problems);
  invalid(path, `missing field \`${name}\``, problems);
  return "";
};

/** Keeps the unreserved characters of RFC 3986 only. */
export function percentEncode(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}
