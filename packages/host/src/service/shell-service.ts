import { once } from "node:events";
import { constants } from "node:os";
import { isOperationError } from "@blockvisor/image/container";
import type {
  HostService,
  OpenShellRequest,
  OpenShellResponseSchema,
  ShellStart,
  TerminalSize as SizeMessage,
} from "@blockvisor/wire/blockvisor/host/v1/host";
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import { HostError } from "../errors/host-error.ts";
import type { NodeActor } from "../node/node-actor.ts";
import type { InteractiveProcess, TerminalSize } from "../runtime/index.ts";
import { whoAsks } from "./requests.ts";
import type { ServiceContext } from "./service-context.ts";

type Response = MessageInitShape<typeof OpenShellResponseSchema>;

const defaultType = "xterm-256color";

/** Some runtimes give a terminal its size when the program has begun already (`InteractiveSpec.terminal`). */
const ONCE_SIZED = 'until [ -n "$(stty size 2>/dev/null)" ]; do usleep 1000; done; exec "$@"';

/** Shells in nodes, for whoever may talk to the daemon (spec host-daemon DB-2.12): each lives as long as its call. */
export function shellService({
  host,
  nodes,
  ending,
}: ServiceContext): Pick<ServiceImpl<typeof HostService>, "openShell"> {
  const start = async (
    actor: NodeActor,
    { terminal, command }: ShellStart,
    signal: AbortSignal,
  ): Promise<InteractiveProcess> => {
    const { shell } = host.agent;
    const [busybox = ""] = shell;
    // The shell finds the program, and says that there is none as any shell does: with status 127.
    const own = command.length === 0 ? (terminal ? ["-i"] : []) : ["-c", 'exec "$@"', "sh", ...command];
    const process = {
      argv: [...(terminal ? [busybox, "-c", ONCE_SIZED, "sh"] : []), ...shell, ...own],
      env: { ...(await actor.parts.environment()), TERM: terminal?.type || defaultType },
      cwd: "/",
      ...(terminal ? { terminal: sizeOf(terminal.size) } : {}),
    };
    return host.runtime.execInteractive(actor.id, process, { signal }).catch((error: unknown) => {
      const isDown = isOperationError(error) && ["container-not-running", "container-unknown"].includes(error.code);
      if (!isDown) throw error;
      const { name } = actor.snapshot().state;
      throw new HostError("unavailable", `node ${name} does not run`, {
        hint: `start it first: bv node start ${name}`,
      });
    });
  };

  return {
    openShell: async function* (requests, { signal, requestHeader }) {
      const incoming = requests[Symbol.asyncIterator]();
      const { value: first } = await incoming.next();
      if (first?.message.case !== "start")
        throw new HostError("invalid", "the first message of OpenShell has no `start`");
      const actor = nodes.find(first.message.value.node, "open a shell in");
      const shell = await start(actor, first.message.value, AbortSignal.any([signal, ending]));
      if (ending.aborted) throw daemonEnds();
      const { events, log } = actor.parts;
      const opened = Date.now();
      log.info({ request: whoAsks(requestHeader).requestId }, "shell opened");
      const end = (message: string) =>
        events.add({ kind: "end", operation: "shell", message, ms: Date.now() - opened });
      // What the shell ran may take longer to hang up than the daemon has.
      const onEnding = (): void => end("blockvisord ended");
      events.add({ kind: "begin", operation: "shell", origin: "local" });
      ending.addEventListener("abort", onEnding);
      void passOn({ [Symbol.asyncIterator]: () => incoming }, shell);
      let status: number;
      let message = "who had opened it went away";
      try {
        yield { message: { case: "started", value: {} } } satisfies Response;
        yield* output(shell);
        const exit = await shell.ended;
        if (exit === undefined) {
          if (signal.aborted) return;
          if (ending.aborted) throw daemonEnds();
          throw new HostError("internal", "what held the shell was killed", { hint: "open it again" });
        }
        status = exit.kind === "exited" ? exit.code : 128 + exit.signal;
        message = `exit status ${status}`;
      } finally {
        shell.hangUp();
        ending.removeEventListener("abort", onEnding);
        if (!ending.aborted) end(message);
      }
      yield { message: { case: "exitStatus", value: status } } satisfies Response;
    },
  };
}

function daemonEnds(): HostError {
  return new HostError("unavailable", "blockvisord ends", { hint: "open the shell again with the next one" });
}

/** Until the caller says no more, or is gone; a program that reads nothing holds the caller up. */
async function passOn(
  requests: AsyncIterable<OpenShellRequest>,
  { input, ...shell }: InteractiveProcess,
): Promise<void> {
  try {
    for await (const { message } of requests) {
      if (message.case === "input" && !input.write(message.value)) {
        await Promise.race([once(input, "drain"), once(input, "close")]);
      } else if (message.case === "resize") shell.resize(sizeOf(message.value));
      else if (message.case === "signal" && message.value in constants.signals) {
        shell.signal(message.value as NodeJS.Signals);
      } else if (message.case === "endOfInput") input.end();
    }
    input.end();
  } catch {
    // The call was cut: then it was aborted, too.
  }
}

/** What it says, as it comes: nothing more is read before that was taken. */
async function* output(shell: InteractiveProcess): AsyncGenerator<Response> {
  const streams = { output: shell.output[Symbol.asyncIterator](), errors: shell.errors[Symbol.asyncIterator]() };
  const read = async (from: keyof typeof streams) => ({ from, next: await streams[from].next() });
  const reading = new Map([
    ["output", read("output")],
    ["errors", read("errors")],
  ]);
  while (reading.size > 0) {
    const { from, next } = await Promise.race(reading.values());
    reading.delete(from);
    if (next.done) continue;
    yield { message: { case: from, value: next.value } };
    reading.set(from, read(from));
  }
}

function sizeOf(size: SizeMessage | undefined): TerminalSize {
  return { rows: size?.rows || 24, columns: size?.columns || 80 };
}
