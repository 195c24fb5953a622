import { count } from "../../command/values.ts";
import { type Verb, verb } from "../../command/verb.ts";

export interface ListOptions {
  readonly org?: string;
  readonly number: number;
}

const hostInfoVerb = verb<object>({
  name: "info",
  aliases: ["i"],
  summary: "show this machine: name, system, processors, memory, disk",
  anywhere: true,
  run: async (call) => (await import("./info/info.ts")).hostInfo(call),
});

const hostMetricsVerb = verb<object>({
  name: "metrics",
  aliases: ["m"],
  summary: "show what this machine is using",
  run: async (call) => (await import("./metrics/metrics.ts")).hostMetrics(call),
});

const hostUpdateVerb = verb<object>({
  name: "update",
  aliases: ["u"],
  summary: "tell the control plane about this machine again",
  run: async (call) => (await import("./update/update.ts")).hostUpdate(call),
});

const hostReloadVerb = verb<object>({
  name: "reload",
  summary: "have the daemon read its configuration again; nodes and what is done with them go on",
  run: async (call) => (await import("./reload/reload.ts")).hostReload(call),
});

const hostListVerb = verb<ListOptions>({
  name: "list",
  aliases: ["ls"],
  summary: "list the platform's hosts: system, kernel, container runtimes, graphics processors, nodes",
  details:
    "It uses the login of `nib login` (or NIB_TOKEN and NIB_API_URL). Members of an org see its hosts with --org, platform administrators all.",
  options: [
    { flags: "--org <id>", summary: "only those of this organisation" },
    { flags: "-n, --number <number>", summary: "how many at most", parse: count, initial: 100 },
  ],
  anywhere: true,
  run: async (call) => (await import("./list/list.ts")).hostList(call),
});

export const hostVerbs: Verb = {
  name: "host",
  aliases: ["h"],
  summary: "look at this machine, and at the platform's",
  verbs: [hostInfoVerb, hostListVerb, hostUpdateVerb, hostMetricsVerb, hostReloadVerb],
};
