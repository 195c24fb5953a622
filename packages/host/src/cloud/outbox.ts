import type { CommandServiceUpdateRequestSchema } from "@blockvisor/wire/blockjoy/v1/command";
import { type Command, CommandExitCode, CommandSchema } from "@blockvisor/wire/blockjoy/v1/command";
import { fromJsonString, type MessageInitShape, toJsonString } from "@bufbuild/protobuf";
import type { Logger } from "pino";
import { z } from "zod";
import { readOrSetAside, writeDurable } from "../durable/index.ts";

const result = z.object({
  exit_code: z.number().int(),
  exit_message: z.string().nullable(),
  retry_hint_seconds: z.number().nullable(),
});

const entrySchema = z.object({
  id: z.string(),
  /** Commands of one node are executed in the API's order; host commands have none. */
  node_id: z.string().nullable(),
  /** The command as protobuf JSON. */
  payload: z.string(),
  acked: z.boolean(),
  state: z.enum(["received", "running", "done", "reported"]),
  result: result.nullable(),
  /** Epoch milliseconds. */
  changed_at: z.number(),
});

export type OutboxEntry = z.infer<typeof entrySchema>;
export type CommandResult = z.infer<typeof result>;

/** How long a reported command is remembered, so that it is not executed again (spec host-daemon §11.6). */
const keepReportedMs = 7 * 24 * 3600_000;

/**
 * The commands this host has received, in `commands.json`: what is received, executed and reported is durable at each transition, so that
 * every command takes effect once however often the daemon dies or the API repeats itself (DB-7.3).
 */
export class Outbox {
  readonly #path: string;
  #entries: readonly OutboxEntry[] = [];
  #saving: Promise<void> = Promise.resolve();

  private constructor(path: string) {
    this.#path = path;
  }

  /**
   * A file that cannot be read is set aside; the API repeats what was not reported (C23). Error `state-too-new`: which commands a newer
   * version has done is not known here, and none is done twice.
   */
  static async open(path: string, log: Pick<Logger, "error">): Promise<Outbox> {
    const outbox = new Outbox(path);
    const file = await readOrSetAside(path, { version: 1, schema: z.object({ commands: z.array(entrySchema) }) }, log);
    outbox.#entries = file?.commands ?? [];
    return outbox;
  }

  entries(): readonly OutboxEntry[] {
    return this.#entries;
  }

  /** Why the last command about a node failed; undefined when it did not. */
  failureOf(nodeId: string): { readonly message: string; readonly at: number } | undefined {
    const last = this.#entries.findLast((entry) => entry.node_id === nodeId && entry.result !== null);
    if (last?.result == null || last.result.exit_code === CommandExitCode.OK) return undefined;
    return { message: last.result.exit_message ?? "the command failed", at: last.changed_at };
  }

  /** Takes in what the API has pending. Returns the commands that are new. */
  async receive(commands: readonly Command[]): Promise<readonly OutboxEntry[]> {
    const known = new Set(this.#entries.map(({ id }) => id));
    const fresh = commands
      .filter(({ commandId }) => !known.has(commandId))
      .map(
        (command): OutboxEntry => ({
          id: command.commandId,
          node_id: command.command.case === "node" ? command.command.value.nodeId : null,
          payload: toJsonString(CommandSchema, command),
          acked: false,
          state: "received",
          result: null,
          changed_at: Date.now(),
        }),
      );
    if (fresh.length > 0) await this.#replace([...this.#entries, ...fresh]);
    return fresh;
  }

  async change(id: string, change: Partial<Pick<OutboxEntry, "acked" | "state" | "result">>): Promise<void> {
    await this.#replace(
      this.#entries.map((entry) => (entry.id === id ? { ...entry, ...change, changed_at: Date.now() } : entry)),
    );
  }

  #replace(entries: readonly OutboxEntry[]): Promise<void> {
    const kept = entries.filter(
      (entry) => entry.state !== "reported" || entry.changed_at > Date.now() - keepReportedMs,
    );
    this.#entries = kept;
    // One writer at a time, always of the newest entries.
    const write = (): Promise<void> =>
      writeDurable(this.#path, JSON.stringify({ schema_version: 1, commands: this.#entries }));
    this.#saving = this.#saving.then(write, write);
    return this.#saving;
  }
}

export function commandOf(entry: OutboxEntry): Command {
  return fromJsonString(CommandSchema, entry.payload, { ignoreUnknownFields: true });
}

export function updateOf(
  entry: OutboxEntry,
  outcome: CommandResult,
): MessageInitShape<typeof CommandServiceUpdateRequestSchema> {
  return {
    commandId: entry.id,
    exitCode: outcome.exit_code,
    ...(outcome.exit_message === null ? {} : { exitMessage: outcome.exit_message }),
    ...(outcome.retry_hint_seconds === null ? {} : { retryHintSeconds: BigInt(outcome.retry_hint_seconds) }),
  };
}
