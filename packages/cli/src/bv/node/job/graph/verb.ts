import { verb } from "../../../../command/verb.ts";
import { type JobNodeOption, jobNodeArgument, jobNodeOption } from "../options.ts";

export interface GraphOptions extends JobNodeOption {
  readonly mermaid?: true;
}

export const jobGraphVerb = verb<GraphOptions, [node?: string]>({
  name: "graph",
  summary: "show which job waits for which, and where each is",
  examples: [["bv node job graph --mermaid > jobs.mmd", "a diagram for documents"]],
  arguments: [jobNodeArgument],
  options: [{ flags: "-m, --mermaid", summary: "as a Mermaid flowchart" }, jobNodeOption],
  run: async (call) => (await import("./graph.ts")).jobGraph(call),
});
