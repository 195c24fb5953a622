import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";

const keyBytes = 32;
const nonceBytes = 12;
const tagBytes = 16;
const formatVersion = 1;

/** Envelope encryption (CA-7.1): every value has its own data key, which the master key wraps. AES-256-GCM throughout. */
export interface Vault {
  /** @param context what the value belongs to; opening with another context fails, so rows cannot be swapped */
  seal(value: Uint8Array, context: string): Uint8Array;
  /** @throws when the value was changed, belongs to another context, or was sealed with another master key */
  open(sealed: Uint8Array, context: string): Uint8Array;
}

export function createVault(master: Uint8Array): Vault {
  return {
    seal(value, context) {
      const dataKey = randomBytes(keyBytes);
      return Buffer.concat([
        Buffer.of(formatVersion),
        encrypt(master, dataKey, context),
        encrypt(dataKey, value, context),
      ]);
    },
    open(sealed, context) {
      const bytes = Buffer.from(sealed);
      if (bytes[0] !== formatVersion) throw new Error("unknown format of a sealed value");
      const wrappedEnd = 1 + nonceBytes + keyBytes + tagBytes;
      const dataKey = decrypt(master, bytes.subarray(1, wrappedEnd), context);
      return decrypt(dataKey, bytes.subarray(wrappedEnd), context);
    },
  };
}

function encrypt(key: Uint8Array, value: Uint8Array, context: string): Buffer {
  const nonce = randomBytes(nonceBytes);
  const cipher = createCipheriv("aes-256-gcm", key, nonce).setAAD(Buffer.from(context));
  const body = Buffer.concat([cipher.update(value), cipher.final()]);
  return Buffer.concat([nonce, body, cipher.getAuthTag()]);
}

function decrypt(key: Uint8Array, sealed: Uint8Array, context: string): Uint8Array {
  if (sealed.length < nonceBytes + tagBytes) throw new Error("a sealed value is cut short");
  const decipher = createDecipheriv("aes-256-gcm", key, sealed.subarray(0, nonceBytes), { authTagLength: tagBytes })
    .setAAD(Buffer.from(context))
    .setAuthTag(sealed.subarray(-tagBytes));
  return Buffer.concat([decipher.update(sealed.subarray(nonceBytes, -tagBytes)), decipher.final()]);
}
