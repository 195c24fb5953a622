import { percentOf } from "../../../../daemon/job-view.ts";
import { edgesOf, type GraphJob } from "./stages.ts";

const styles = {
  done: "fill:#dbeafe,stroke:#2563eb,color:#111",
  running: "fill:#dcfce7,stroke:#16a34a,color:#111",
  pending: "fill:#fef9c3,stroke:#ca8a04,color:#111",
  stopped: "fill:#f3f4f6,stroke:#6b7280,color:#111",
  failed: "fill:#fee2e2,stroke:#dc2626,color:#111",
} as const;

/** A Mermaid flowchart: a solid arrow leads to what needs a job, a dotted one to what only waits for its end. */
export function graphMermaid(jobs: readonly GraphJob[]): string {
  const ids = new Map(jobs.map(({ name }, index) => [name, `j${index}`]));
  const nodes = jobs.map((job) => {
    const { style, text } = stateOf(job);
    return `  ${ids.get(job.name)}["${quoted(job.name)}<br/>${quoted(text)}"]:::${style}`;
  });
  const arrows = edgesOf(jobs).map(
    ({ job, depends_on, kind }) => `  ${ids.get(depends_on)} ${kind === "needs" ? "-->" : "-.->"} ${ids.get(job)}`,
  );
  const classes = Object.entries(styles).map(([name, style]) => `  classDef ${name} ${style}`);
  return ["flowchart LR", ...nodes, ...arrows, ...classes].join("\n");
}

function stateOf(job: GraphJob): { readonly style: keyof typeof styles; readonly text: string } {
  if (!job.defined) return { style: "failed", text: "not defined" };
  const { progress } = job;
  switch (job.state) {
    case "running": {
      if (job.restart_at !== null) return { style: "failed", text: "restarting" };
      const known = progress !== null && progress.total !== null;
      return {
        style: "running",
        text: known ? `running ${percentOf(progress.current, progress.total ?? 0).toFixed(0)} %` : "running",
      };
    }
    case "pending":
      return { style: "pending", text: "pending" };
    case "stopped":
      return { style: "stopped", text: "stopped" };
    case "finished":
      if (job.exit_code === 0) return { style: "done", text: "finished" };
      return { style: "failed", text: job.exit_code === null ? "failed" : `failed with ${job.exit_code}` };
  }
}

/** Names come from the node: what Mermaid would read as its own is written as an entity. */
const quoted = (text: string): string =>
  [...text]
    .map((character) => (/[\p{L}\p{N} ._%-]/u.test(character) ? character : `#${character.codePointAt(0)};`))
    .join("");
