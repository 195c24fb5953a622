import { createHash, timingSafeEqual } from "node:crypto";
import { Babel } from "@blockvisor/wire/blockvisor/babel/v1/babel";
import { Code, type Interceptor } from "@connectrpc/connect";
import { Failure } from "../failure.ts";

const OPEN: ReadonlySet<object> = new Set([Babel.method.getVersion, Babel.method.setup]);

/** Only who holds the secret of the last Setup may call; Setup itself is guarded by the socket's mode. (D1-07) */
export function requireSecret(current: () => string | undefined): Interceptor {
  return (next) => async (request) => {
    if (OPEN.has(request.method)) return next(request);
    const secret = current();
    const given = request.header.get("authorization");
    if (secret === undefined) {
      throw new Failure(Code.FailedPrecondition, "not-ready", "babel is not set up yet", "Call Setup first.");
    }
    if (given === null || !same(given, `Bearer ${secret}`)) {
      throw new Failure(Code.Unauthenticated, "secret-invalid", "this call needs the secret of the last Setup");
    }
    return next(request);
  };
}

const same = (a: string, b: string): boolean => timingSafeEqual(digest(a), digest(b));
const digest = (text: string): Buffer => createHash("sha256").update(text).digest();
