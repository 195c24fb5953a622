import { spawn } from "node:child_process";
import type { Call } from "../../../command/verb.ts";
import { DaemonClient } from "../../../daemon/client.ts";
import { Failure, reason } from "../../../failure/failure.ts";
import { whichNode } from "../which-node.ts";

/** `bv node shell`: the daemon says what to execute, this terminal is its terminal, its exit status is ours (DB-2.2). */
export async function openShell({ out, args }: Call<object, [node?: string]>): Promise<void> {
  if (process.geteuid?.() !== 0) {
    throw new Failure("usage", "only root can open a shell in a node", { hint: "sudo bv node shell" });
  }
  const daemon = new DaemonClient(out);
  const node = await whichNode(daemon, args[0]);
  const { argv = [], env = {} } = await daemon.call("GetShell", { node, noTerminal: !process.stdin.isTTY });
  const [command, ...rest] = argv;
  if (!command) throw new Failure("daemon-refused", "blockvisord did not say how to open a shell in this node");
  // Ctrl-C belongs to the shell: it is in our process group and gets the signal from the terminal itself.
  process.on("SIGINT", () => {});
  const child = spawn(command, rest, { stdio: "inherit", env: { ...process.env, ...env } });
  const status = await new Promise<number>((resolve, reject) => {
    child.once("error", (error) =>
      reject(new Failure("tool-missing", `cannot run ${command}`, { causes: [reason(error)], hint: "run it as root" })),
    );
    child.once("exit", (code, signal) => resolve(code ?? (signal === null ? 1 : 128)));
  });
  process.exitCode = status;
}
