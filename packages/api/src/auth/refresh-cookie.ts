import { unauthenticated } from "../rpc-error.ts";

const name = "refresh";

/** The cookie of spec §1.4.1. @param life in seconds */
export const refreshCookie = (token: string, life: number): string =>
  `${name}=${token}; Path=/; Max-Age=${life}; Expires=${new Date(Date.now() + life * 1000).toUTCString()}; Secure; HttpOnly; SameSite=None`;

/** @returns the refresh token of a cookie header; undefined when there is no such cookie */
export function readRefreshCookie(header: string | null): string | undefined {
  for (const part of header?.split(";") ?? []) {
    const [key, ...value] = part.trim().split("=");
    if (key !== name) continue;
    const token = value.join("=");
    if (token === "") throw unauthenticated("Invalid refresh cookie.");
    return token;
  }
  return undefined;
}
