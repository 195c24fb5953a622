import type { PluginFiles } from "../plugin.ts";
import { testScript } from "../testing/script/test-script.ts";
import { BlockingBridge } from "./blocking-bridge.ts";
import { clock } from "./clock.ts";
import { CoverageNotes } from "./covered.ts";
import { failure, syntaxFailure } from "./failure.ts";
import { FrameError } from "./frame.ts";
import { HostLine } from "./host-line.ts";
import { type AnyWork, MOST_SCRIPTS, type WorkerMessage, type WorkMessage } from "./protocol.ts";
import { Recent } from "./recent.ts";
import { Script, SyntaxErrors } from "./script.ts";
import { doWork, failureOf, functionOf } from "./script-work.ts";

/** What the host gave once, compiled when that worked. */
interface KnownPlugin {
  readonly files: PluginFiles;
  script: Script | undefined;
  /** The same for work of which coverage is told. */
  watched: { readonly script: Script; readonly notes: CoverageNotes } | undefined;
}

/** The life of a plugin worker: it gets work on its input, runs scripts, and says on its output what came of it. Never touches a file or a socket. */
export function serve(): never {
  const host = new HostLine();
  const bridge = new BlockingBridge(host);
  const plugins = new Recent<string, KnownPlugin>(MOST_SCRIPTS);
  for (;;) {
    const { message } = host.read();
    // What was given up may be over before the worker hears of it.
    if (message.kind === "work") answer(host, outcomeOf(message, bridge, plugins));
  }
}

function answer(host: HostLine, outcome: WorkerMessage): void {
  try {
    host.post(outcome);
  } catch (error) {
    if (!(error instanceof FrameError)) throw error;
    host.post({
      kind: "failed",
      failure: failure("PLUGIN_LIMIT", `the plugin's result is too large: ${error.message}`),
    });
  }
}

function outcomeOf(message: WorkMessage, bridge: BlockingBridge, plugins: Recent<string, KnownPlugin>): WorkerMessage {
  const { digest, files, work, timeLeft, now, cover } = message;
  const deadline = clock() + (timeLeft ?? Number.POSITIVE_INFINITY);
  const plugin = plugins.use(digest, () => ({ files: files ?? {}, script: undefined, watched: undefined }));
  const covered = () => (cover && plugin.watched ? { covered: plugin.watched.notes.take() } : {});
  try {
    bridge.begin(deadline, now);
    const script = cover ? watched(plugin, bridge).script : compiled(plugin, work, bridge);
    const limits = { deadline, cancel: bridge.cancelled, begin: (own: number) => bridge.limit(own) };
    return { kind: "done", output: doWork(script, work, limits), ...covered() };
  } catch (error) {
    const isSyntax = error instanceof SyntaxErrors;
    const reason = isSyntax ? syntaxFailure(error.errors, plugin.files) : failureOf(error, functionOf(work));
    return { kind: "failed", failure: reason, ...covered() };
  }
}

function compiled(plugin: KnownPlugin, work: AnyWork, bridge: BlockingBridge): Script {
  const kind = work.kind === "test" ? testScript(work.file) : undefined;
  plugin.script ??= new Script(plugin.files, bridge, kind);
  return plugin.script;
}

function watched(plugin: KnownPlugin, bridge: BlockingBridge) {
  if (plugin.watched === undefined) {
    const notes = new CoverageNotes();
    plugin.watched = { script: new Script(plugin.files, bridge, undefined, notes), notes };
  }
  return plugin.watched;
}
