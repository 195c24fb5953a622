import { createHash, randomBytes, timingSafeEqual } from "node:crypto";

const pattern = /^api_([A-Za-z0-9+/_-]{22})_([A-Za-z0-9+/_-]{27})$/;
const secretBytes = 20;

export const looksLikeApiKey = (token: string): boolean => token.startsWith("api_");

/** `api_` + key id + `_` + secret, both base64url; keys in the standard alphabet are read too (spec §1.4.1, CA-1.17). */
export function parseApiKey(text: string): { readonly id: string; readonly secret: Uint8Array } | undefined {
  const match = pattern.exec(text);
  if (match?.[1] === undefined || match[2] === undefined) return undefined;
  const hex = Buffer.from(match[1], "base64url").toString("hex");
  const id = `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
  return { id, secret: Buffer.from(match[2], "base64url") };
}

/** @returns the text that is shown once, and what is stored of it */
export function mintApiKey(id: string): { text: string; salt: Uint8Array; secretHash: Uint8Array } {
  const secret = randomBytes(secretBytes);
  const salt = randomBytes(16);
  const idText = Buffer.from(id.replaceAll("-", ""), "hex").toString("base64url");
  return {
    text: `api_${idText}_${secret.toString("base64url")}`,
    salt,
    secretHash: hashApiSecret(salt, secret),
  };
}

/** The secret has 160 random bits, so one round of a fast hash is enough. */
export const hashApiSecret = (salt: Uint8Array, secret: Uint8Array): Uint8Array =>
  createHash("sha256").update(salt).update(secret).digest();

export const sameBytes = (left: Uint8Array, right: Uint8Array): boolean =>
  left.length === right.length && timingSafeEqual(left, right);
