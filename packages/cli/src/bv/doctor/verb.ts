import { verb } from "../../command/verb.ts";

export const doctorVerb = verb<object>({
  name: "doctor",
  summary: "check whether this machine can run nodes, and say what to do about what is wrong",
  details:
    "Tries what nodes need: mounts an overlay, runs a container, checks firewall rules, writes to the disk. Works with and without a " +
    "running daemon, and leaves nothing behind. Exit code 1 when there is an error.",
  examples: [["bv doctor --format json", "every finding with its level and its fix, for programs"]],
  anywhere: true,
  run: async (call) => (await import("./doctor.ts")).doctor(call),
});
