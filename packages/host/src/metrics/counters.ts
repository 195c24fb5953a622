import type { Sample } from "./exposition.ts";
import type { MetricName } from "./metric-table.ts";

type Labels = Readonly<Record<string, string>>;

/** Everything the daemon counts since its start; read by the metrics endpoint. Cheap enough to be always on. */
export class Counters {
  readonly #values = new Map<string, Sample & { value: number }>();

  add(name: MetricName, labels: Labels = {}, amount = 1): void {
    const key = JSON.stringify([name, labels]);
    const known = this.#values.get(key);
    if (known) known.value += amount;
    else this.#values.set(key, { name, labels, value: amount });
  }

  /** Counts a piece of work, whether it failed, and the time it took. */
  async time<T>(
    name: "blockvisor_polls" | "blockvisor_loops" | "blockvisor_commands",
    labels: Labels,
    work: () => Promise<T>,
  ): Promise<T> {
    const started = performance.now();
    this.add(`${name}_total`, labels);
    try {
      return await work();
    } catch (error) {
      this.add(`${name}_failures_total`, labels);
      throw error;
    } finally {
      this.add(`${name}_seconds_total`, labels, (performance.now() - started) / 1_000);
    }
  }

  samples(): readonly Sample[] {
    return [...this.#values.values()];
  }
}
