import { count } from "../../../command/values.ts";
import { verb } from "../../../command/verb.ts";
import { nodeArgument } from "../node-argument.ts";

export interface EventsOptions {
  readonly limit: number;
  readonly follow?: true;
}

export const nodeEventsVerb = verb<EventsOptions, [node?: string]>({
  name: "events",
  summary: "show what happened to a node, with reasons; also of nodes that were deleted lately",
  details: "With --format json each event is a document of its own line.",
  arguments: [nodeArgument],
  options: [
    { flags: "-n, --limit <number>", summary: "the newest so many; 0 is all that are kept", parse: count, initial: 50 },
    { flags: "-f, --follow", summary: "go on and show events as they come" },
  ],
  run: async (call) => (await import("./events.ts")).nodeEvents(call),
});
