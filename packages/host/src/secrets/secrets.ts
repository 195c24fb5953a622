/** Where `get_secret` / `put_secret` of one node end. */
export interface Secrets {
  /** `undefined` = there is no such secret. */
  get(key: string, signal: AbortSignal): Promise<Uint8Array | undefined>;
  put(key: string, value: Uint8Array, signal: AbortSignal): Promise<void>;
}
