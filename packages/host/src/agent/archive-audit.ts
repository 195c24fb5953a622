import type { Logger } from "pino";

/** So many keys of a node are told; one that asks for more must not fill the log. */
const mostKeys = 20;
const longestKey = 128;

/** Says in the log, once for each, which archives of others a node has asked for (spec babel-agent T-27). */
export function archiveAudit(log: Logger): (nodeId: string, storeKey: string) => void {
  const toldOf = new Map<string, Set<string>>();
  return (nodeId, asked) => {
    const storeKey = asked.slice(0, longestKey);
    const told = toldOf.get(nodeId) ?? new Set();
    toldOf.set(nodeId, told);
    if (told.size === mostKeys || told.has(storeKey)) return;
    told.add(storeKey);
    log.warn({ node: nodeId, storeKey }, "refused: the node asked for an archive that is not its own");
  };
}
