import { resourceExhausted } from "../rpc-error.ts";

/** An address may stand for a whole office, an account only for itself. */
const freeAttempts = { account: 5, address: 50 } as const;
const firstPauseMs = 1_000;
const longestPauseMs = 15 * 60_000;
const forgetAfterMs = 60 * 60_000;
const capacity = 10_000;

interface Failures {
  readonly count: number;
  readonly last: number;
}

/**
 * Growing pauses after failed attempts, per account and per address (CA-0.8, CA-1.15). Kept in memory: a restart forgives.
 */
export interface ThrottleKey {
  readonly kind: keyof typeof freeAttempts;
  readonly value: string;
}

export interface LoginThrottle {
  /** @throws RESOURCE_EXHAUSTED while one of the keys has to wait */
  check(keys: readonly ThrottleKey[]): void;
  failed(keys: readonly ThrottleKey[]): void;
  succeeded(key: ThrottleKey): void;
}

export function createLoginThrottle(now: () => number = Date.now): LoginThrottle {
  const failures = new Map<string, Failures>();
  return {
    check(keys) {
      for (const key of keys) {
        const known = failures.get(name(key));
        if (known === undefined) continue;
        const over = known.count - freeAttempts[key.kind];
        if (over < 0) continue;
        const wait = known.last + Math.min(firstPauseMs * 2 ** over, longestPauseMs) - now();
        if (wait > 0) throw resourceExhausted(`Too many attempts. Try again in ${Math.ceil(wait / 1000)} seconds.`);
      }
    },
    failed(keys) {
      for (const key of keys) {
        const known = failures.get(name(key));
        const forgotten = known === undefined || now() - known.last > forgetAfterMs;
        failures.delete(name(key));
        failures.set(name(key), { count: forgotten ? 1 : known.count + 1, last: now() });
      }
      for (const oldest of failures.keys()) {
        if (failures.size <= capacity) break;
        failures.delete(oldest);
      }
    },
    succeeded(key) {
      failures.delete(name(key));
    },
  };
}

const name = (key: ThrottleKey) => `${key.kind}:${key.value}`;
