import { createContextKey } from "@connectrpc/connect";
import type { HttpRequest } from "./http-routes.ts";

/** Scheme and authority by which a request came: what reached this process once reaches it again. */
export const requestOriginKey = createContextKey("", { description: "origin of the request" });

const authorityPattern = /^(?:[A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?$/;

export function requestOrigin(request: HttpRequest): string {
  const authority = String(request.headers[":authority"] ?? request.headers.host ?? "");
  const encrypted = "encrypted" in request.socket && request.socket.encrypted === true;
  // A client can write what it likes here, but the answer goes to nobody else.
  return authorityPattern.test(authority) ? `${encrypted ? "https" : "http"}://${authority}` : "";
}
