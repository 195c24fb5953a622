import { openAgentLink } from "../agent/agent-link.ts";
import { readAgentRecord } from "../agent/agent-record.ts";
import { HostError } from "../errors/host-error.ts";
import { EventLog } from "../history/event-log.ts";
import { nodePaths } from "../place/paths.ts";
import { createNodeEngine } from "../plugin/node-engine.ts";
import { NodePlugin } from "../plugin/node-plugin.ts";
import { NodeTasks } from "../schedule/node-tasks.ts";
import { runTask } from "../schedule/run-task.ts";
import { holdsRules } from "./firewall-target.ts";
import { lendData } from "./lend-data.ts";
import type { NodeActor } from "./node-actor.ts";
import { nodeEnvOf, processEnvironment } from "./node-env.ts";
import type { NodeHost, NodeParts } from "./node-host.ts";
import type { NodeState } from "./node-state.ts";

/** Wires the parts of one node. Nothing is started or read yet. */
export function assembleNode(
  host: NodeHost,
  id: string,
  state: () => NodeState,
  actorOf: (id: string) => NodeActor | undefined,
): NodeParts {
  const paths = nodePaths(host.paths, id);
  const log = host.log.child({ node: id });
  const link = openAgentLink(paths.run, () => parts.agent?.secret);
  const events = new EventLog(paths.events, (error) => parts.log.warn(`event not recorded: ${error.message}`));
  const tasks = new NodeTasks(paths.tasks, (task) => runTask(task, actorOf(id)), {
    timeZone: host.config.timeZone,
    onFailing: ({ name }, { failures, error }) => {
      const message = `task '${name}' failed ${failures} times in a row: ${error}`;
      events.add({ kind: "failed", operation: "task", message });
      log.error({ task: name }, message);
    },
  });
  const engine = createNodeEngine({
    link,
    requireAgent: () => requireRunning(actorOf(id)),
    env: () => nodeEnvOf(state(), host.config),
    tasks,
    secrets: {
      get: async (key, signal) => {
        const value = await host.secretsOf(state()).get(key, signal);
        if (value === undefined && state().dev_mode) {
          const where = `with \`nib image play --secret KEY=VALUE\`, or write it into ${host.paths.devSecrets}`;
          log.warn({ key: key.slice(0, 128) }, `the dev node has no such secret: make it ${where}`);
        }
        return value;
      },
      put: (key, value, signal) => host.secretsOf(state()).put(key, value, signal),
    },
    devMode: state().dev_mode,
    pluginDataPath: paths.pluginData,
    pluginConfigPath: paths.pluginConfig,
    archiveId: () => state().image.archive_id,
    hasArchive: (storeKey, signal) => host.hasArchive(state(), storeKey, signal),
    log: (level, message) => parts.log[level](`node_id: ${id}|${message}`),
  });
  /**
   * The plugin says which archives a node may use, so it is the image's: what the container made of it counts only where an engineer edits it,
   * who has no archives (spec babel-agent D1-07).
   */
  const pluginRoot = async (): Promise<string> =>
    state().dev_mode ? paths.rootfs : (await host.images.get(state().image.digest)).pluginRoot;
  const parts: NodeParts = {
    host,
    paths,
    log,
    link,
    plugin: new NodePlugin(host.workers, engine, pluginRoot, () => host.config.limits),
    tasks,
    events,
    borrowData: (from, stop, work) => lendData(actorOf(from), stop, work),
    state,
    environment: async () => {
      const { config } = await host.images.get(state().image.digest);
      return processEnvironment(config.env, nodeEnvOf(state(), host.config));
    },
    agent: undefined,
    init: undefined,
    arriving: undefined,
    offered: undefined,
    engineServer: undefined,
    firewallApplied: false,
    connect: undefined,
    connecting: undefined,
    hostNetworkUp: false,
    pluginOf: undefined,
    holder: undefined,
  };
  return parts;
}

/** Brings back what an earlier daemon kept beside the state. */
export async function restoreParts(parts: NodeParts): Promise<void> {
  parts.agent = await readAgentRecord(parts.paths.agentRecord);
  await parts.tasks.load();
  parts.firewallApplied = await holdsRules(parts, parts.state());
}

function requireRunning(actor: NodeActor | undefined): void {
  if (actor?.snapshot().seen.container === "running") return;
  throw new HostError("unavailable", "node connection is closed", { hint: "start the node" });
}
