import { type Verb, verb } from "../../command/verb.ts";

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

export const hostVerbs: Verb = {
  name: "host",
  aliases: ["h"],
  summary: "look at this machine",
  verbs: [hostInfoVerb, hostUpdateVerb, hostMetricsVerb, hostReloadVerb],
};
