import { pipeline } from "node:stream";
import type { connectNodeAdapter } from "@connectrpc/connect-node";
import { sql } from "kysely";
import { signedPathPrefix } from "../archives/store/signed-path.ts";
import type { MqttAccess } from "../broker/mqtt-access.ts";
import type { Platform } from "../platform.ts";
import { answerBrokerHook } from "./broker-hooks.ts";

/** HTTP/1.1 or HTTP/2, clear or TLS: the same to every handler. */
export type HttpHandler = ReturnType<typeof connectNodeAdapter>;
export type HttpRequest = Parameters<HttpHandler>[0];
export type HttpResponse = Parameters<HttpHandler>[1];

export type HttpRoute = (request: HttpRequest, response: HttpResponse) => Promise<void>;

const bundlePath = /^\/bundles\/([^/]+)\/bvd-bundle\.tgz$/;

/** What this port serves besides RPCs: health, broker hooks, bundles, and archives' objects when they lie here. */
export function httpRoutes(platform: Platform, access: MqttAccess, archiveObjects: HttpRoute | undefined): HttpRoute {
  return async (request, response) => {
    const path = (request.url ?? "/").split("?", 1)[0] ?? "/";
    if (archiveObjects !== undefined && path.startsWith(signedPathPrefix)) return archiveObjects(request, response);
    if (request.method === "GET" && path === "/health") return json(response, 200, { status: "ok" });
    if (request.method === "GET" && path === "/ready") return ready(platform, response);
    const bundle = request.method === "GET" ? bundlePath.exec(path)?.[1] : undefined;
    if (bundle !== undefined) return sendBundle(platform, bundle, response);
    if (request.method === "POST" && (path === "/mqtt/auth" || path === "/mqtt/acl")) {
      const { status, body } = await answerBrokerHook(platform.settings.brokerHookSecret, access, path, request);
      return json(response, status, body);
    }
    return json(response, 404, { message: "Not found." });
  };
}

export function json(response: HttpResponse, status: number, body: unknown): void {
  const text = JSON.stringify(body);
  response.statusCode = status;
  response.setHeader("content-type", "application/json");
  response.setHeader("content-length", Buffer.byteLength(text));
  response.end(text);
}

async function ready(platform: Platform, response: HttpResponse): Promise<void> {
  const database = await sql`select 1`.execute(platform.db).then(
    () => "ok",
    () => "unreachable",
  );
  const broker = platform.broker.connected() ? "ok" : "unreachable";
  json(response, database === "ok" && broker === "ok" ? 200 : 503, { database, broker });
}

async function sendBundle(platform: Platform, version: string, response: HttpResponse): Promise<void> {
  const bundle = await platform.bundles.open(version);
  if (bundle === undefined) return json(response, 404, { message: "Bundle not found." });
  response.statusCode = 200;
  response.setHeader("content-type", "application/gzip");
  response.setHeader("content-length", bundle.size);
  pipeline(bundle.stream, response as NodeJS.WritableStream, () => {});
}
