import { verb } from "../../../command/verb.ts";
import { nodeArgument } from "../node-argument.ts";

export const nodeRollbackVerb = verb<object, [node?: string]>({
  name: "rollback",
  summary: "go back to what the last upgrade replaced, at once",
  details:
    "The old root file system was kept, so nothing is fetched or made anew. The data stay as they are. The version that is left is\n" +
    "kept in its place: another rollback brings it again. The control plane still has the newer version on record.",
  arguments: [nodeArgument],
  run: async (call) => (await import("./rollback.ts")).rollbackNode(call),
});
