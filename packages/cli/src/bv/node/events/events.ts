import type { NodeEventJson } from "@blockvisor/wire/blockvisor/host/v1/host";
import type { Call } from "../../../command/verb.ts";
import { DaemonClient } from "../../../daemon/client.ts";
import type { Output } from "../../../output/output.ts";
import type { Colour } from "../../../output/paint.ts";
import { whichNode } from "../which-node.ts";
import type { EventsOptions } from "./verb.ts";

/** `bv node events`: one line each, as they come. */
export async function nodeEvents({ out, args, options, signal }: Call<EventsOptions, [node?: string]>): Promise<void> {
  const daemon = new DaemonClient(out);
  const node = await whichNode(daemon, args[0]);
  const request = { node, limit: options.limit, follow: options.follow ?? false };
  try {
    for await (const event of daemon.stream("ListNodeEvents", request, { signal })) {
      out.event(eventView(event));
      out.line(eventLine(out, event));
    }
  } catch (error) {
    // Ctrl-C is how following ends.
    if (!options.follow || !signal.aborted) throw error;
  }
}

function eventView({ time, kind, operation, step, message, code, milliseconds, origin }: NodeEventJson) {
  return {
    time: time ?? "",
    kind: kind ?? "",
    operation: operation ?? "",
    origin: origin || null,
    step: step || null,
    message: message || null,
    code: code || null,
    ms: milliseconds === undefined ? null : Number(milliseconds),
  };
}

const colours: Readonly<Record<string, Colour>> = {
  begin: "bold",
  failed: "red",
  found: "yellow",
  end: "green",
  step: "dim",
};

function eventLine(out: Output, event: NodeEventJson): string {
  const { time, kind, operation, origin, step, message, code, ms } = eventView(event);
  const what =
    step === null
      ? `${operation} ${words[kind] ?? kind}`
      : `${operation}: ${step}${kind === "failed" ? " failed" : ""}`;
  const why =
    kind === "step" || message === null ? "" : `  ${out.foreign(message)}${code === null ? "" : ` (${code})`}`;
  const who = origin === null ? "" : `  ${out.paint("dim", origin)}`;
  const took = ms === null ? "" : `  ${ms < 1000 ? `${ms} ms` : `${(ms / 1000).toFixed(1)} s`}`;
  return `${time.slice(0, 23).replace("T", " ").padEnd(23)}  ${out.paint(colours[kind] ?? "dim", what)}${who}${why}${took}`;
}

const words: Readonly<Record<string, string>> = { begin: "begins", end: "done", failed: "failed", found: "found" };
