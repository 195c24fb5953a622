/** A map that forgets what was not used for the longest time. Two of the same size that see the same uses hold the same keys. */
export class Recent<K, V> {
  readonly #entries = new Map<K, V>();
  readonly #size: number;

  constructor(size: number) {
    this.#size = size;
  }

  has(key: K): boolean {
    return this.#entries.has(key);
  }

  /** The value of `key`, made when it is not there. */
  use(key: K, make: () => V): V {
    const value = this.#entries.has(key) ? this.#entries.get(key)! : make();
    this.#entries.delete(key);
    this.#entries.set(key, value);
    if (this.#entries.size > this.#size) this.#entries.delete(this.#entries.keys().next().value!);
    return value;
  }

  forget(key: K): void {
    this.#entries.delete(key);
  }
}
