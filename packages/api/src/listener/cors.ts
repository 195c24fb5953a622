import { cors as connectCors } from "@connectrpc/connect";
import type { HttpRequest, HttpResponse } from "./http-routes.ts";

const preflightSeconds = 7200;

/** Lets browser consoles of the listed origins call, with cookies; nobody else (CA-0.7). @returns whether it answered */
export function answerCors(origins: readonly string[], request: HttpRequest, response: HttpResponse): boolean {
  const origin = request.headers["origin"];
  if (typeof origin !== "string") return false;
  response.setHeader("vary", "origin");
  const allowed = origins.includes(origin);
  if (allowed) {
    response.setHeader("access-control-allow-origin", origin);
    response.setHeader("access-control-allow-credentials", "true");
    response.setHeader("access-control-expose-headers", connectCors.exposedHeaders.join(","));
  }
  if (request.method !== "OPTIONS" || request.headers["access-control-request-method"] === undefined) return false;
  if (allowed) {
    response.setHeader("access-control-allow-methods", connectCors.allowedMethods.join(","));
    response.setHeader(
      "access-control-allow-headers",
      [...connectCors.allowedHeaders, "authorization", "idempotency-key"].join(","),
    );
    response.setHeader("access-control-max-age", preflightSeconds);
  }
  response.statusCode = 204;
  response.end();
  return true;
}
