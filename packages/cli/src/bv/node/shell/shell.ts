import { spawnSync } from "node:child_process";
import { once } from "node:events";
import type { OpenShellRequestJson, TerminalSizeJson } from "@blockvisor/wire/blockvisor/host/v1/host";
import type { Call } from "../../../command/verb.ts";
import { DaemonClient } from "../../../daemon/client.ts";
import { Failure } from "../../../failure/failure.ts";
import { whichNode } from "../which-node.ts";

const cutOff = "what ran in the shell has been hung up; `bv status` shows whether the daemon is back";

/**
 * `bv node shell`: the daemon runs it, on a terminal of its own in the node, and all that goes in and out comes through here
 * (host-daemon DB-2.12): no process of a node ever holds our terminal. Its exit status is ours (DB-2.2).
 */
export async function openShell({
  out,
  args: [given, command],
}: Call<object, [node: string | undefined, command: readonly string[]]>): Promise<void> {
  const daemon = new DaemonClient(out);
  const node = await whichNode(daemon, given);
  const { stdin, stdout, stderr } = process;
  // What a command prints into a file or pipe is not for a terminal.
  const screen = [stdout, stderr].find(({ isTTY }) => isTTY);
  const isTerminal = stdin.isTTY === true && screen !== undefined && (command.length === 0 || stdout.isTTY);
  const cut = new AbortController();
  const { send, answers } = daemon.duplex("OpenShell", cutOff, cut.signal);
  const size = (): TerminalSizeJson => ({ rows: screen?.rows ?? 0, columns: screen?.columns ?? 0 });
  const terminal = isTerminal ? { terminal: { type: process.env["TERM"] ?? "", size: size() } } : {};
  void send({ start: { node, command: [...command], ...terminal } });

  const release = isTerminal
    ? listen(["SIGHUP", "SIGINT", "SIGTERM"], () => cut.abort())
    : listen(["SIGHUP", "SIGINT", "SIGQUIT", "SIGTERM"], (name) => void send({ signal: name }));
  const onResize = (): void => void send({ resize: size() });
  try {
    for await (const { started, output, errors, exitStatus } of answers) {
      if (output) await written(stdout, output);
      else if (errors) await written(stderr, errors);
      else if (exitStatus !== undefined) process.exitCode = exitStatus;
      else if (started) {
        if (isTerminal) {
          becomeRaw();
          screen.on("resize", onResize);
        }
        void sendInput(send);
      }
    }
  } catch (error) {
    // Wherever the cursor is.
    if (stdin.isRaw) stderr.write("\r\n");
    throw cut.signal.aborted ? new Failure("interrupted", "interrupted") : error;
  } finally {
    release();
    screen?.off("resize", onResize);
    if (isTerminal) stdin.setRawMode(false);
    // Nobody is there any more for what is typed.
    stdin.destroy();
  }
}

/** Whatever is shown is what was said there: Node's raw mode leaves it to the terminal to begin lines. That mode's end is the end of both. */
function becomeRaw(): void {
  process.stdin.setRawMode(true);
  spawnSync("stty", ["-opost"], { stdio: ["inherit", "ignore", "ignore"] });
}

/** Until there is no more of it, or nobody to send it to. */
async function sendInput(send: (message: OpenShellRequestJson) => Promise<void>): Promise<void> {
  try {
    for await (const chunk of process.stdin as AsyncIterable<Buffer>) await send({ input: chunk.toString("base64") });
    await send({ endOfInput: {} });
  } catch {
    // It was closed, as the shell has ended.
  }
}

async function written(stream: NodeJS.WriteStream, bytes: string): Promise<void> {
  if (!stream.write(Buffer.from(bytes, "base64"))) await once(stream, "drain");
}

/** Returns how to stop it. */
function listen(names: readonly NodeJS.Signals[], listener: (name: NodeJS.Signals) => void): () => void {
  for (const name of names) process.on(name, listener);
  return () => {
    for (const name of names) process.off(name, listener);
  };
}
