import { readFileSync } from "node:fs";

const DEFAULT_BYTES = 128 * 1024 * 1024;
const PART_OF_MEMORY = 0.2;
const CGROUP_LIMITS = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"];

/** Bytes that a job may have in flight: 128 MiB, in small containers a fifth of their memory. (D4-07) */
export function budgetBytes(memoryLimit: number | undefined = memoryLimitBytes()): number {
  return Math.min(DEFAULT_BYTES, Math.floor((memoryLimit ?? Number.POSITIVE_INFINITY) * PART_OF_MEMORY));
}

function memoryLimitBytes(): number | undefined {
  for (const path of CGROUP_LIMITS) {
    try {
      const bytes = Number(readFileSync(path, "utf8"));
      return Number.isFinite(bytes) ? bytes : undefined;
    } catch {}
  }
  return undefined;
}

/** Bytes in flight, taken before they are read and given back when they are dealt with; first come, first served. */
export class ByteBudget {
  readonly #total: number;
  readonly #queue: { readonly bytes: number; readonly grant: () => void }[] = [];
  #free: number;

  constructor(total: number) {
    this.#total = total;
    this.#free = total;
  }

  /** What is larger than the whole budget gets all of it. Resolves to how to give the bytes back. */
  async take(bytes: number): Promise<() => void> {
    const wanted = Math.min(bytes, this.#total);
    if (this.#queue.length > 0 || wanted > this.#free) {
      await new Promise<void>((grant) => this.#queue.push({ bytes: wanted, grant }));
    } else {
      this.#free -= wanted;
    }
    let given = false;
    return () => {
      if (given) return;
      given = true;
      this.#free += wanted;
      this.#serve();
    };
  }

  #serve(): void {
    for (let next = this.#queue[0]; next !== undefined && next.bytes <= this.#free; next = this.#queue[0]) {
      this.#queue.shift();
      this.#free -= next.bytes;
      next.grant();
    }
  }
}
