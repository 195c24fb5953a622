import { hash, verify } from "@node-rs/argon2";
import { invalidArgument } from "../rpc-error.ts";

const minimumLength = 10;
const maximumLength = 256;

/** Argon2id; algorithm, parameters and salt are part of the stored text (spec §1.3: m 19456 KiB, t 2, p 1). */
export const hashPassword = (password: string): Promise<string> =>
  hash(password, { memoryCost: 19_456, timeCost: 2, parallelism: 1 });

export const verifyPassword = (stored: string, password: string): Promise<boolean> =>
  password.length > maximumLength ? Promise.resolve(false) : verify(stored, password).catch(() => false);

/** The console's rule, enforced here (CA-1.16). */
export function requireStrongPassword(password: string, field: string): void {
  const strong = /[a-z]/.test(password) && /[A-Z]/.test(password) && /[0-9]/.test(password);
  if (password.length < minimumLength || !strong) {
    throw invalidArgument(
      field,
      `a password has at least ${minimumLength} characters, among them a lower-case letter, an upper-case letter and a digit`,
    );
  }
  if (password.length > maximumLength)
    throw invalidArgument(field, `a password has at most ${maximumLength} characters`);
}
