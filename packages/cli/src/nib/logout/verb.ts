import { verb } from "../../command/verb.ts";

export const logoutVerb = verb<object>({
  name: "logout",
  summary: "delete the key of this machine, in the control plane and in ~/.nib.json",
  run: async (call) => (await import("./logout.ts")).logout(call),
});
