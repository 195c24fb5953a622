/** A seeded source of choices: the same seed gives the same run on every machine. */
export class Random {
  private state: number;
  readonly seed: number;

  constructor(seed: number) {
    this.seed = seed >>> 0;
    this.state = this.seed;
  }

  /** An integer in 0..bound (exclusive). */
  next(bound: number): number {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.state ^ (this.state >>> 15), this.state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * bound);
  }

  /** True in `percent` of 100 cases. */
  chance(percent: number): boolean {
    return this.next(100) < percent;
  }

  pick<T>(choices: readonly T[]): T {
    return choices[this.next(choices.length)]!;
  }

  /** One of the producers, called. */
  oneOf<T>(...producers: readonly (() => T)[]): T {
    return this.pick(producers)();
  }

  list<T>(most: number, produce: (index: number) => T): T[] {
    return Array.from({ length: this.next(most + 1) }, (_, i) => produce(i));
  }
}
