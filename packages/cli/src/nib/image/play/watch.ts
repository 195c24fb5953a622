import { watch } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import type { DaemonClient } from "../../../daemon/client.ts";
import { logLineText } from "../../../daemon/log-line.ts";
import type { NodeView } from "../../../daemon/node-view.ts";
import { followOperation } from "../../../daemon/operation.ts";
import { Failure } from "../../../failure/failure.ts";
import { renderFailure } from "../../../failure/render.ts";
import { readText } from "../../../files/read-text.ts";
import type { Output } from "../../../output/output.ts";
import { printable } from "../../../output/table.ts";
import { writeRootfsFile } from "../../../place/rootfs-file.ts";
import { devNodeImage } from "../../dev-node/request.ts";
import { chooseProperties, chooseVariant, readImage } from "../../metadata/read-image.ts";
import { buildContainer } from "../build/build.ts";
import type { PlayOptions } from "./verb.ts";

/** Editors save in several steps; what changes within this time is one save. */
const settleMs = 150;

const reloadTimeoutMs = 120_000;

/**
 * Keeps a dev node equal to the image's directory until Ctrl-C: a saved `*.rhai` goes into the node and is loaded, babel.yaml
 * upgrades the node, the Dockerfile is built first. Shows the node's logs all the while (nib-and-images §9.2).
 */
export async function watchImage(
  daemon: DaemonClient,
  out: Output,
  node: NodeView,
  options: PlayOptions,
  signal: AbortSignal,
): Promise<void> {
  const directory = resolve(dirname(options.path));
  const session: WatchSession = { daemon, out, node, options, directory, signal };
  const saves = saveEvents(directory, basename(options.path), signal);
  out.line(`Watching ${directory}; Ctrl-C ends it`);
  const logs = showLogs(session);
  for await (const names of saves) {
    try {
      await takeIn(session, names);
    } catch (error) {
      // A save that does not work is what watching is for: show it and wait for the next one.
      if (!signal.aborted) renderFailure(error, out);
    }
  }
  await logs;
  if (!options.rm) return;
  await followOperation(daemon, out, "DeleteNode", { node: node.id, local: true }, { title: `Deleting ${node.name}` });
  out.line(`Deleted node \`${node.name}\``);
}

interface WatchSession {
  readonly daemon: DaemonClient;
  readonly out: Output;
  readonly node: NodeView;
  readonly options: PlayOptions;
  readonly directory: string;
  readonly signal: AbortSignal;
}

async function takeIn(session: WatchSession, names: ReadonlySet<string>): Promise<void> {
  const { daemon, out, node, options, directory, signal } = session;
  if (names.has("Dockerfile")) {
    const build = { file: "Dockerfile", cache: true, setUri: true };
    await buildContainer(out, readImage(options.path), build, signal);
  }
  if (names.has("Dockerfile") || names.has(basename(options.path))) {
    await upgradeInPlace(session);
    return;
  }
  const plugins = [...names].filter((name) => name.endsWith(".rhai"));
  for (const name of plugins) {
    const text = readText(join(directory, name), "it was there a moment ago; save it again");
    writeRootfsFile(join(node.directory, "rootfs"), `var/lib/babel/plugin/${name}`, text);
  }
  const {
    functions = [],
    changes = [],
    pending = "",
  } = await daemon.call("ReloadPlugin", { node: node.id }, { signal, timeoutMs: reloadTimeoutMs });
  out.line(`Reloaded ${plugins.join(", ")}: ${functions.length} functions`);
  for (const change of changes) out.line(`  ${printable(change)}`);
  if (pending !== "") out.line(`  ${pending}`);
  out.event({ event: "reloaded", files: plugins, functions, changes, pending });
}

async function upgradeInPlace({ daemon, out, node, options, signal }: WatchSession): Promise<void> {
  const variant = chooseVariant(readImage(options.path), options.variant);
  const values = { ...chooseProperties(out, variant, options) };
  const request = { node: node.id, ...devNodeImage(variant, options.path), properties: { values }, force: true };
  await followOperation(daemon, out, "UpgradeDevNode", request, { title: `Upgrading ${node.name}`, signal });
  out.line(`Upgraded dev_node \`${node.id}\` named \`${node.name}\``);
  out.event({ event: "upgraded", version: variant.version });
}

/** The names that changed, save by save, until the signal. Watching begins with the call, not with the first name that is asked for. */
function saveEvents(directory: string, metadata: string, signal: AbortSignal): AsyncGenerator<ReadonlySet<string>> {
  const isOurs = (name: string) => name.endsWith(".rhai") || name === metadata || name === "Dockerfile";
  let changed = new Set<string>();
  let wake = () => {};
  const watcher = watch(directory, { signal }, (_event, name) => {
    if (!name || !isOurs(name) || name.startsWith(".")) return;
    changed.add(name);
    wake();
  });
  const ended = new Promise<void>((done) => signal.addEventListener("abort", () => done(), { once: true }));
  return (async function* () {
    try {
      while (!signal.aborted) {
        if (changed.size === 0) await Promise.race([ended, new Promise<void>((done) => (wake = done))]);
        if (signal.aborted) return;
        await new Promise((done) => setTimeout(done, settleMs));
        const names = changed;
        changed = new Set();
        if (names.size > 0) yield names;
      }
    } finally {
      watcher.close();
    }
  })();
}

/** What the node's jobs print, from now on; an upgrade ends the stream, so it is taken up again. */
async function showLogs({ daemon, out, node, signal }: WatchSession): Promise<void> {
  let lines = 10;
  while (!signal.aborted) {
    try {
      const request = { node: node.id, job: "", lines, follow: true };
      for await (const line of daemon.stream("StreamJobLogs", request, { signal })) {
        out.line(`${out.paint("cyan", line.job ?? "")}| ${out.foreign(logLineText(line))}`);
        out.event({ event: "log", job: line.job ?? "", text: line.text ?? "" });
      }
    } catch (error) {
      if (!(error instanceof Failure) || signal.aborted) return;
      out.note(2, `logs: ${error.message}`);
    }
    lines = 1;
    await new Promise((done) => setTimeout(done, 1000));
  }
}
