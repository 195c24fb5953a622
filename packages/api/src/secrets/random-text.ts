import { createHash, randomInt } from "node:crypto";

const alphabet = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789";

/** Letters and digits that cannot be mistaken for one another. */
export function randomText(length: number): string {
  return Array.from({ length }, () => alphabet[randomInt(alphabet.length)]).join("");
}

/** Satisfies the password rule by its form; about 110 random bits. */
export const randomPassword = (): string => `${randomText(19)}aZ7`;

export const sha256 = (text: string): Uint8Array => createHash("sha256").update(text).digest();
