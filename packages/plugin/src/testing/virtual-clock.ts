/** When every test begins. */
const START = "2026-01-01T00:00:00Z";

/** The time of a test: it stands still until the test, or a job that is restarted, moves it. Epoch milliseconds. */
export class VirtualClock {
  #now = Date.parse(START);

  get now(): number {
    return this.#now;
  }

  set(at: number): void {
    this.#now = at;
  }

  advance(ms: number): void {
    this.#now += ms;
  }
}
