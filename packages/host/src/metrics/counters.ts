import type { Sample } from "./exposition.ts";
import { bucketSeconds, type MetricName } from "./metric-table.ts";

type Labels = Readonly<Record<string, string>>;

interface Histogram {
  readonly name: MetricName;
  readonly labels: Labels;
  /** Of values up to each bound. */
  readonly counts: number[];
  sum: number;
  count: number;
}

/** Everything the daemon counts since its start; read by the metrics endpoint. Cheap enough to be always on. */
export class Counters {
  readonly #values = new Map<string, Sample & { value: number }>();
  readonly #histograms = new Map<string, Histogram>();

  add(name: MetricName, labels: Labels = {}, amount = 1): void {
    const key = JSON.stringify([name, labels]);
    const known = this.#values.get(key);
    if (known) known.value += amount;
    else this.#values.set(key, { name, labels, value: amount });
  }

  /** One more value of a histogram. */
  observe(name: MetricName, labels: Labels, seconds: number): void {
    const key = JSON.stringify([name, labels]);
    const known = this.#histograms.get(key) ?? { name, labels, counts: bucketSeconds.map(() => 0), sum: 0, count: 0 };
    this.#histograms.set(key, known);
    bucketSeconds.forEach((bound, index) => {
      if (seconds <= bound) known.counts[index] = (known.counts[index] ?? 0) + 1;
    });
    known.sum += seconds;
    known.count += 1;
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
    return [...this.#values.values(), ...this.#histograms.values().flatMap(samplesOf)];
  }
}

function samplesOf({ name, labels, counts, sum, count }: Histogram): readonly Sample[] {
  const upTo = (le: string, value: number): Sample => ({ name, part: "bucket", labels: { ...labels, le }, value });
  return [
    ...bucketSeconds.map((bound, index) => upTo(String(bound), counts[index] ?? 0)),
    upTo("+Inf", count),
    { name, part: "sum", labels, value: sum },
    { name, part: "count", labels, value: count },
  ];
}
