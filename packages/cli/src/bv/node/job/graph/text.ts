import { jobProgressText, jobStatusText } from "../../../../daemon/job-view.ts";
import { type Colour, displayWidth, type Paint } from "../../../../output/paint.ts";
import { printable } from "../../../../output/table.ts";
import type { GraphJob } from "./stages.ts";

/**
 * Stage by stage, each job with its state and what it comes after:
 *
 *     1  ✔ init-jwt  Finished with exit code 0
 *
 *     2  ▶ download  Running, 43.20% (12/28 chunks)    needs init-jwt
 */
export function graphText(stages: readonly (readonly GraphJob[])[], paint: Paint): string {
  const jobs = stages.flat();
  const names = Math.max(0, ...jobs.map(({ name }) => displayWidth(name)));
  const states = Math.min(60, Math.max(0, ...jobs.map((job) => displayWidth(stateText(job)))));
  const numbers = String(stages.length).length;
  return stages
    .map((stage, index) =>
      stage
        .map((job, row) => {
          const number = (row === 0 ? String(index + 1) : "").padStart(numbers);
          const [mark, colour] = markOf(job);
          const state = stateText(job);
          const gap = " ".repeat(Math.max(0, states - displayWidth(state)));
          const name = printable(job.name).padEnd(names);
          const line = `${paint("dim", number)}  ${paint(colour, mark)} ${paint("bold", name)}  ${paint(colour, state)}`;
          const after = dependenciesText(job);
          return after === "" ? line : `${line}${gap}  ${paint("dim", after)}`;
        })
        .join("\n"),
    )
    .join("\n\n");
}

function stateText(job: GraphJob): string {
  if (!job.defined) return "not defined";
  const progress = job.state === "running" && job.progress ? `, ${jobProgressText(job.progress)}` : "";
  return printable(`${jobStatusText(job)}${progress}`);
}

function dependenciesText({ needs, wait_for }: GraphJob): string {
  const parts = [
    ...(needs.length > 0 ? [`needs ${needs.join(", ")}`] : []),
    ...(wait_for.length > 0 ? [`waits for ${wait_for.join(", ")}`] : []),
  ];
  return printable(parts.join("; "));
}

function markOf(job: GraphJob): readonly [mark: string, colour: Colour] {
  if (!job.defined) return ["?", "red"];
  switch (job.state) {
    case "running":
      return job.restart_at === null ? ["▶", "green"] : ["↻", "yellow"];
    case "pending":
      return ["◌", "yellow"];
    case "stopped":
      return ["■", "dim"];
    case "finished":
      return job.exit_code === 0 ? ["✔", "blue"] : ["✘", "red"];
  }
}
