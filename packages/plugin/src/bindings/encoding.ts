import { createHash } from "node:crypto";
import { Blob, type CallContext, share, t, type Value } from "@blockvisor/rhai";
import { percentEncode } from "./http-request.ts";
import type { BindingTarget } from "./target.ts";

/** Texts for URLs and headers, and digests (spec plugin-api.md §2 Do better). A STRING stands for its UTF-8. */
export function registerEncoding(engine: BindingTarget): void {
  engine.registerFn("url_encode", [t.string], (_ctx, text: string) => percentEncode(text.toWellFormed()));
  engine.registerFn("url_decode", [t.string], (ctx, text: string) => {
    try {
      return decodeURIComponent(text);
    } catch {
      throw ctx.error("invalid percent-encoding");
    }
  });
  for (const type of [t.string, t.blob]) {
    engine.registerFn("base64_encode", [type], (_ctx, data: string | Blob) => bytesOf(data).toString("base64"));
    engine.registerFn("sha256", [type], (_ctx, data: string | Blob) =>
      createHash("sha256").update(bytesOf(data)).digest("hex"),
    );
  }
  engine.registerFn("base64_decode", [t.string], decode);
}

/** Standard or URL alphabet, with or without padding. */
function decode(ctx: CallContext, text: string): Value {
  const data = text.replace(/={1,2}$/, "");
  if (!/^[\w+/-]*$/.test(data) || data.length % 4 === 1) throw ctx.error("invalid base64");
  return share(new Blob(Uint8Array.from(Buffer.from(data, "base64"))));
}

function bytesOf(data: string | Blob): Buffer {
  return typeof data === "string" ? Buffer.from(data) : Buffer.from(data.bytes);
}
