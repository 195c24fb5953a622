import { availableParallelism } from "node:os";
import { CommandExitCode } from "@blockvisor/wire/blockjoy/v1/command";
import type { Logger } from "pino";
import type { Counters } from "../metrics/counters.ts";
import { Slots } from "../node/slots.ts";
import { type Api, callApi } from "./api.ts";
import { type CommandContext, executeCommand, overtaken, overtakes, preempt } from "./execute-command.ts";
import { type CommandResult, commandOf, type Outbox, type OutboxEntry, updateOf } from "./outbox.ts";

/** Commands at a time (DB-7.6); those that wait for nodes to come up cost little, and must not keep others from theirs (spec host-daemon §11.4). */
const atOnce = 20;

/** The commands of a node, one after the other. */
interface Queue {
  turn: Promise<void>;
  readonly waiting: OutboxEntry[];
  running: OutboxEntry | undefined;
}

/**
 * Pending → Ack → execute → Update: commands of one node strictly in the API's order, different nodes at the same time
 * (spec host-daemon §7.4, DB-7.3 … DB-7.8).
 */
export class CommandRunner {
  readonly #api: Api;
  readonly #outbox: Outbox;
  readonly #context: CommandContext;
  readonly #hostId: string;
  readonly #log: Logger;
  readonly #slots = new Slots(Math.max(atOnce, availableParallelism()));
  readonly #queues = new Map<string, Queue>();
  /** Ids of commands that were begun with before their turn. */
  readonly #begun = new Set<string>();
  #stopped = false;

  readonly #counters: Counters;

  constructor(api: Api, outbox: Outbox, context: CommandContext, hostId: string, log: Logger, counters: Counters) {
    this.#counters = counters;
    this.#api = api;
    this.#outbox = outbox;
    this.#context = context;
    this.#hostId = hostId;
    this.#log = log;
  }

  /** Goes on with what an earlier daemon had received. */
  resume(): void {
    for (const entry of this.#outbox.entries()) if (entry.state !== "reported") this.#dispatch(entry);
  }

  /** Asks the API for commands, and takes on those that are new. */
  async poll(): Promise<void> {
    if (this.#stopped) return;
    const { commands } = await callApi(() => this.#api.commands.pending({ hostId: this.#hostId }));
    for (const entry of await this.#outbox.receive(commands)) {
      this.#log.info({ command: entry.id, node: entry.node_id }, "command received");
      this.#dispatch(entry);
    }
    // The API still has it pending although it is done here: the result was lost on the way.
    for (const { commandId } of commands) {
      const known = this.#outbox.entries().find(({ id }) => id === commandId);
      const isDone = known?.state === "done" || known?.state === "reported";
      if (known && isDone && !this.#queues.has(queueOf(known))) this.#dispatch({ ...known, state: "done" });
    }
  }

  /** Takes on nothing more; what runs comes to a journalled point with its node. */
  stop(): void {
    this.#stopped = true;
  }

  #dispatch(entry: OutboxEntry): void {
    const key = queueOf(entry);
    const queue = this.#queues.get(key) ?? { turn: Promise.resolve(), waiting: [], running: undefined };
    this.#queues.set(key, queue);
    queue.waiting.push(entry);
    const turn = queue.turn
      .then(() => {
        queue.waiting.shift();
        queue.running = entry;
        return this.#handle(entry, queue);
      })
      .catch((error: unknown) => this.#log.error((error as Error).message))
      .finally(() => {
        queue.running = undefined;
        if (queue.turn === turn) this.#queues.delete(key);
      });
    queue.turn = turn;
    // What hangs must not keep a node from being stopped or deleted (DB-7.6 asks for order, not for patience).
    const { running } = queue;
    if (running && entry.state !== "done" && overtakes(commandOf(entry), commandOf(running))) {
      this.#begun.add(entry.id);
      preempt(this.#context, commandOf(entry));
    }
  }

  async #handle(entry: OutboxEntry, queue: Queue): Promise<void> {
    if (this.#stopped) return;
    // What is done is not taken up any more: its result says everything.
    if (!entry.acked && entry.state !== "done") await this.#ack(entry);
    const result = entry.state === "done" && entry.result ? entry.result : await this.#execute(entry, queue);
    if (result) await this.#report(entry, result);
  }

  async #ack(entry: OutboxEntry): Promise<void> {
    try {
      await callApi(() => this.#api.commands.ack({ commandId: entry.id }));
      await this.#outbox.change(entry.id, { acked: true });
    } catch (error) {
      this.#log.warn({ command: entry.id }, `ack failed: ${(error as Error).message}`);
    }
  }

  async #execute(entry: OutboxEntry, { waiting }: Queue): Promise<CommandResult | undefined> {
    const isBegun = this.#begun.delete(entry.id);
    const again = entry.state === "running";
    if (!again) await this.#outbox.change(entry.id, { state: "running" });
    const command = commandOf(entry);
    const result = await this.#slots.use(async () =>
      waiting.some((later) => later.state !== "done" && overtakes(commandOf(later), command))
        ? overtaken
        : this.#counters.time("blockvisor_commands", { command: kindOf(command) }, () =>
            executeCommand(this.#context, command, again || isBegun),
          ),
    );
    // A daemon that is going down gives up operations; the next one finishes them and reports what came out.
    if (this.#stopped) return undefined;
    await this.#outbox.change(entry.id, { state: "done", result });
    this.#log.info(
      { command: entry.id, node: entry.node_id, exit: CommandExitCode[result.exit_code] },
      "command executed",
    );
    return result;
  }

  async #report(entry: OutboxEntry, result: CommandResult): Promise<void> {
    try {
      await callApi(() => this.#api.commands.update(updateOf(entry, result)));
      await this.#outbox.change(entry.id, { state: "reported" });
      if (entry.node_id) this.#context.onReported(entry.node_id);
    } catch (error) {
      // The result is durable; the next poll finds the command still pending and reports it again.
      this.#log.warn({ command: entry.id }, `result not reported yet: ${(error as Error).message}`);
    }
  }
}

function kindOf({ command }: ReturnType<typeof commandOf>): string {
  return (command.case === "node" ? command.value.command.case : command.case) ?? "unknown";
}

function queueOf(entry: OutboxEntry): string {
  return entry.node_id ?? "host";
}
