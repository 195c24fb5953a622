/** Milliseconds. */
const window = 60_000;
/** Of one message, and of all messages about one node, whose texts it may choose itself. */
const [perMessage, perNode] = [5, 60];
/** What is remembered of more than so many messages is the newest. */
const remembered = 2_000;

interface Count {
  /** When its window began, in milliseconds of `now`. */
  since: number;
  admitted: number;
  heldBack: number;
}

/** Says which of the lines that tell of trouble are written: the first few of a minute. Numbers in a message make no other one of it. */
export class Repetition {
  readonly #now: () => number;
  readonly #counts = new Map<string, Count>();

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** `node`: id, or empty for what is about none. Undefined: not written; else how many like it were not since the last that was. */
  admit(node: string, message: string): { readonly heldBack: number } | undefined {
    const same = this.#count(`${node} ${message.replace(/\d+/g, "0")}`);
    const all = node === "" ? undefined : this.#count(node);
    if (same.admitted >= perMessage || (all !== undefined && all.admitted >= perNode)) {
      same.heldBack += 1;
      return undefined;
    }
    same.admitted += 1;
    if (all) all.admitted += 1;
    const { heldBack } = same;
    same.heldBack = 0;
    return { heldBack };
  }

  #count(key: string): Count {
    const known = this.#counts.get(key);
    const now = this.#now();
    const isOver = known === undefined || now - known.since >= window;
    const count = isOver ? { since: now, admitted: 0, heldBack: known?.heldBack ?? 0 } : known;
    // The newest are at the end.
    this.#counts.delete(key);
    this.#counts.set(key, count);
    if (this.#counts.size > remembered) this.#counts.delete(this.#counts.keys().next().value ?? "");
    return count;
  }
}
