import { Turns } from "./turns.ts";

/** One at a time of each that has a name; nobody waits for others. */
export class TurnsOfEach {
  readonly #lines = new Map<string, { readonly turns: Turns; users: number }>();

  /** As `Turns.take`. */
  async take(name: string, signal: AbortSignal): Promise<() => void> {
    const line = this.#lines.get(name) ?? { turns: new Turns(1), users: 0 };
    this.#lines.set(name, line);
    line.users += 1;
    const leave = (): void => {
      line.users -= 1;
      if (line.users === 0) this.#lines.delete(name);
    };
    try {
      const end = await line.turns.take(signal);
      return () => {
        end();
        leave();
      };
    } catch (error) {
      leave();
      throw error;
    }
  }
}
