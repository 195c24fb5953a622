import { availableParallelism } from "node:os";
import { PluginWorkers } from "@blockvisor/plugin";
import { Code, ConnectError } from "@connectrpc/connect";
import type { Logger } from "pino";
import { agentCandidates, loadAgentBundle } from "../agent/agent-bundle.ts";
import { archiveAudit } from "../agent/archive-audit.ts";
import { TransferShares } from "../agent/transfer-shares.ts";
import { createNodeCgroups } from "../cgroups/index.ts";
import { type Api, apiError } from "../cloud/api.ts";
import type { HostConfig } from "../config/host-config.ts";
import type { LiveConfig } from "../config/live-config.ts";
import { HostError } from "../errors/host-error.ts";
import { createNodeFirewall } from "../firewall/index.ts";
import { createImageStore } from "../images/index.ts";
import { prepareLauncher } from "../launcher/index.ts";
import { createNodeNetwork } from "../network/index.ts";
import { CpuRegistry } from "../node/cpu-registry.ts";
import { HostPorts } from "../node/host-ports.ts";
import type { NodeHost } from "../node/node-host.ts";
import type { NodeState } from "../node/node-state.ts";
import { createOwnIds } from "../node/own-ids.ts";
import { Trash } from "../node/trash.ts";
import { containerDirectory, type HostPaths, nodePaths } from "../place/paths.ts";
import { sandboxWorkers } from "../plugin/worker-sandbox.ts";
import { createNodeRootfs } from "../rootfs/index.ts";
import { createExitWatch, type RuntimeChoice, selectRuntime } from "../runtime/index.ts";
import { apiSecrets } from "../secrets/api-secrets.ts";
import { devSecrets } from "../secrets/dev-secrets.ts";
import { createNodeSpaces } from "../space/index.ts";

export interface HostParts {
  readonly paths: HostPaths;
  readonly live: LiveConfig;
  readonly env: NodeJS.ProcessEnv;
  readonly log: Logger;
  /** Undefined in dev mode. */
  readonly api: Api | undefined;
}

/** Scripts of so many nodes run at the same time at least: one that hangs must not hold up the others. */
const minWorkers = 4;

const archiveTimeoutMs = 60_000;

/** Puts together what all nodes share. Nothing on the machine is changed yet. Rejects without an agent bundle. */
export async function assembleHost({ paths, live, env, log, api }: HostParts): Promise<NodeHost> {
  const config = live.current;
  prepareLauncher();
  const images = createImageStore({
    directory: paths.images,
    authFile: paths.registryLogin,
    policy: () => live.current.imageSources,
  });
  const cgroups = createNodeCgroups(undefined, paths.nodes);
  const { runDirectory } = paths;
  const exits = createExitWatch();
  // So that the first container costs no more than the others.
  exits.prepare();
  const agent = await loadAgentBundle(agentCandidates(env, import.meta.url));
  const [runtime, sandbox] = await Promise.all([
    selectRuntime(runtimeChoice(config, env), {
      runDirectory,
      cgroups,
      exits,
      nodeDirectory: (id) => containerDirectory(paths, id),
      apptainerArgs: config.runtime.extra_args ?? [],
    }),
    sandboxWorkers([agent.directory, ...agentCandidates({}, import.meta.url)]),
  ]);
  const audit = archiveAudit(log);
  return {
    paths,
    get config() {
      return live.current;
    },
    log,
    images,
    cgroups,
    agent,
    runtime,
    exits,
    ownIds: createOwnIds({ mode: config.runtime.user_namespaces, runtime, directory: paths.nodes, cgroups }),
    rootfs: createNodeRootfs(images),
    spaces: createNodeSpaces({ directory: paths.nodes, mode: config.diskLimit }),
    network: createNodeNetwork({ runDirectory, sysctlFile: paths.sysctl }),
    firewall: createNodeFirewall({ runDirectory }),
    workers: new PluginWorkers({ size: Math.max(minWorkers, availableParallelism()), command: sandbox.command }),
    workersAgainst: sandbox.against,
    cpus: new CpuRegistry(),
    ports: new HostPorts(),
    trash: new Trash(paths, log),
    unsaved: new Map(),
    transferShares: new TransferShares(() => live.current.archiveMaxBytesPerSecond),
    secretsOf: (state) =>
      api && !state.dev_mode
        ? apiSecrets(api, state.id)
        : devSecrets(paths.devSecrets, nodePaths(paths, state.id).secrets),
    archivesOf: (state, storeKeys) =>
      api === undefined || state.dev_mode
        ? undefined
        : {
            client: api.archives,
            store: api.archiveStore,
            nodeId: state.id,
            archiveId: state.image.archive_id,
            storeKeys,
            refused: (storeKey) => audit(state.id, storeKey),
          },
    hasArchive: async (state, storeKey, signal) => (api ? hasArchive(api, state, storeKey, signal) : false),
  };
}

/** `BV_RUNTIME`, for one run of the daemon, or what the configuration says. Error `config_error`. */
function runtimeChoice(config: HostConfig, env: NodeJS.ProcessEnv): RuntimeChoice {
  const wanted = env["BV_RUNTIME"] || config.file.runtime;
  if (wanted === "auto" || wanted === "oci" || wanted === "apptainer") return wanted;
  throw new HostError("config_error", `BV_RUNTIME: '${wanted}' is no runtime`, { hint: "say auto, oci or apptainer" });
}

/** NotFound = no; anything else that fails means that nobody can tell (spec plugin-api §4.2). */
async function hasArchive(
  api: Api,
  state: NodeState,
  storeKey: string | undefined,
  signal: AbortSignal,
): Promise<boolean> {
  const options = { timeoutMs: archiveTimeoutMs, signal };
  try {
    if (storeKey === undefined) await api.archives.getDownloadMetadata({ archiveId: state.image.archive_id }, options);
    else await api.archives.getDownloadMetadataByStoreKey({ storeKey }, options);
    return true;
  } catch (error) {
    const failure = ConnectError.from(error);
    if (failure.code === Code.NotFound) return false;
    throw apiError(failure);
  }
}
