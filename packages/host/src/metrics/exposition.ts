import { type MetricName, metricTable } from "./metric-table.ts";

export interface Sample {
  readonly name: MetricName;
  /** Of a histogram: which of its numbers this is. */
  readonly part?: "bucket" | "sum" | "count";
  readonly labels?: Readonly<Record<string, string>>;
  readonly value: number;
}

/** Samples in the text format that Prometheus reads (version 0.0.4): one block per metric, in the order of the table. */
export function exposition(samples: readonly Sample[]): string {
  const byName = Map.groupBy(samples, ({ name }) => name);
  const blocks = (Object.keys(metricTable) as MetricName[]).flatMap((name) => {
    const found = byName.get(name);
    if (found === undefined) return [];
    const [type, help] = metricTable[name];
    return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...found.map(line)];
  });
  return `${blocks.join("\n")}\n`;
}

function line({ name, part, labels = {}, value }: Sample): string {
  const pairs = Object.entries(labels).map(([key, text]) => `${key}="${escaped(text)}"`);
  return `${name}${part === undefined ? "" : `_${part}`}${pairs.length === 0 ? "" : `{${pairs.join(",")}}`} ${value}`;
}

/** Names of nodes and jobs come from people and images. */
function escaped(text: string): string {
  return text.replace(/[\\"\n]/g, (char) => (char === "\n" ? "\\n" : `\\${char}`));
}
