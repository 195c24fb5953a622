import { access, mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { runTool } from "@blockvisor/image/container";
import { agentMountPoint } from "../agent/agent-bundle.ts";
import { openAgentLink } from "../agent/agent-link.ts";
import { newAgentRecord, writeAgentRecord } from "../agent/agent-record.ts";
import { firstAgentOf } from "../agent/first-agent.ts";
import { HostError, reportOf } from "../errors/host-error.ts";
import type { UnpackedImage } from "../images/index.ts";
import { checkIdOf, nodePaths } from "../place/paths.ts";
import { readPluginFiles } from "../plugin/plugin-files.ts";
import { basicEnvironment } from "./node-env.ts";
import { type NodeHost, type NodeParts, wantedRuntime } from "./node-host.ts";
import { imageOf } from "./node-image.ts";
import type { NodeContent } from "./node-state.ts";
import type { StepContext } from "./outcome.ts";

/** Babel has this long to answer in the new image's container. */
const answerMs = 30_000;
const checkedProcesses = 512;

/**
 * Looks at a new image while the old one still runs: its plugin has to compile, and with `smoke` its container has to come up and babel in
 * it to answer — beside the node, on a root file system of its own, without data and without a network.
 * Errors: those of the plugin and of the runtime; the node was not touched.
 */
export async function checkTarget(
  node: NodeParts,
  { image }: NodeContent,
  smoke: boolean,
  context: StepContext,
): Promise<void> {
  const { host } = node;
  const unpacked = await imageOf(host, image.digest, image.uri, context);
  await host.workers.load(await readPluginFiles(unpacked.pluginRoot));
  if (!smoke) return;
  // What a check that was cut by kill -9 left.
  await removeCheck(host, node.paths.id);
  try {
    context.progress("starting the new image beside the node");
    await startBeside(node, unpacked, image.privileged, context.signal);
  } catch (error) {
    const { code, message, hint } = reportOf(error, "runtime_error");
    throw new HostError("upgrade_failed", `the new image did not pass its check: ${message}`, {
      hint: `the node was not touched; ${hint === "" ? `correct the image (${code})` : hint}`,
      cause: error,
    });
  } finally {
    await removeCheck(host, node.paths.id);
  }
}

/** Takes away everything a check makes; nothing there is success. */
export async function removeCheck(host: NodeHost, nodeId: string): Promise<void> {
  const { check } = nodePaths(host.paths, nodeId);
  const exists = await access(check).then(
    () => true,
    () => false,
  );
  if (!exists) return;
  await host.runtime.delete(checkIdOf(nodeId));
  await runTool("ip", ["netns", "delete", namespaceOf(nodeId)], { accept: [0, 1] });
  await host.rootfs.remove(check, "check");
  await rm(check, { recursive: true });
}

async function startBeside(
  { host, paths, state }: NodeParts,
  image: UnpackedImage,
  privileged: boolean,
  signal: AbortSignal,
) {
  const id = checkIdOf(paths.id);
  const folder = (name: string): string => join(paths.check, name);
  for (const name of ["run", "data"]) await mkdir(folder(name), { recursive: true, mode: 0o700 });
  await host.rootfs.prepare(paths.check, "check", image);
  const runtime = wantedRuntime(host, state());
  const ownIds = !privileged && (await host.ownIds.against(paths.check, runtime)) === undefined;
  const rootfs = await host.rootfs.mount(paths.check, "check", { ownIds });
  const idBase = await host.rootfs.idBase(paths.check);
  await runTool("ip", ["netns", "add", namespaceOf(paths.id)]);
  const record = newAgentRecord(host.agent.version);
  await writeAgentRecord(folder("agent.json"), record);
  const env = { ...basicEnvironment, ...image.config.env };
  const memoryMb = state().vm_config.mem_size_mb;
  await host.runtime.create({
    nodeId: id,
    ...(runtime ? { runtime } : {}),
    rootfs,
    ...(idBase === undefined ? {} : { idBase }),
    ...(privileged ? { privileged } : {}),
    init: host.agent.init,
    env,
    hostname: state().name,
    network: { kind: "namespace", path: `/run/netns/${namespaceOf(paths.id)}` },
    mounts: [
      { source: host.agent.directory, destination: agentMountPoint, readOnly: true },
      { source: folder("run"), destination: "/var/lib/babel/run", readOnly: false },
      { source: folder("data"), destination: "/blockjoy", readOnly: false },
    ],
    ramdisks: [],
    limits: { pids: checkedProcesses, ...(memoryMb > 0 ? { memoryBytes: memoryMb * 1_000_000 } : {}) },
    logPath: folder("container.log"),
  });
  const init = await host.runtime.start(id, { signal });
  const link = openAgentLink(folder("run"), () => record.secret);
  const deadline = Date.now() + answerMs;
  for (;;) {
    try {
      await link.call("get_version", (options) => link.babel.getVersion({}, options), { timeoutMs: 2_000, signal });
      return;
    } catch (error) {
      if (signal.aborted || firstAgentOf(init).kind === "ended" || Date.now() > deadline) throw error;
      await pause(20);
    }
  }
}

function namespaceOf(nodeId: string): string {
  return `bv-${checkIdOf(nodeId)}`;
}
