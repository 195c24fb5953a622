import { randomUUID } from "node:crypto";
import type { Logger } from "pino";
import { z } from "zod";
import { readOrSetAside, writeDurable } from "../durable/index.ts";
import { reportOf } from "../errors/host-error.ts";
import { type Api, callApi } from "./api.ts";
import { tellFailed } from "./tell-failed.ts";

const actionSchema = z.object({
  id: z.string(),
  node_id: z.string(),
  action: z.string(),
  /** Epoch milliseconds. */
  at: z.number(),
});
const fileSchema = z.object({ actions: z.array(actionSchema) });

type Action = z.infer<typeof actionSchema>;

/** An API that is away for long is told of the newest. */
const mostKept = 1000;

/**
 * What was done on this host, without the API, with nodes that belong to it: in `emergencies.json` until the API knows (spec host-daemon
 * DB-3.7). It becomes a report on the node, for the people who look at it there.
 */
export class Emergencies {
  readonly #path: string;
  readonly #api: Api;
  readonly #hostName: string;
  readonly #log: Logger;
  #actions: readonly Action[] | undefined;
  #writing: Promise<unknown> = Promise.resolve();
  #telling: Promise<void> | undefined;

  constructor(path: string, api: Api, hostName: string, log: Logger) {
    this.#path = path;
    this.#api = api;
    this.#hostName = hostName;
    this.#log = log;
  }

  /** Durable before the action begins. An emergency does not wait for it to be writable. */
  async record(nodeId: string, action: string): Promise<void> {
    const entry = { id: randomUUID(), node_id: nodeId, action, at: Date.now() };
    this.#log.warn({ node: nodeId }, `${action} without the API`);
    await this.#change((actions) => [...actions, entry].slice(-mostKept)).catch((error: unknown) => {
      this.#log.error({ node: nodeId }, `${action} is not recorded for the API: ${(error as Error).message}`);
    });
  }

  /** Tells the API what it does not know yet. Rejects while it cannot be reached; the rest is told another time. */
  tell(): Promise<void> {
    this.#telling ??= this.#tell().finally(() => {
      this.#telling = undefined;
    });
    return this.#telling;
  }

  async #tell(): Promise<void> {
    for (const action of await this.#load()) {
      await this.#report(action).catch((error: unknown) => {
        const { code, message } = reportOf(error);
        if (code === "api_unreachable") throw error;
        // A node that the API does not have any more, say: it would refuse the next time, too.
        this.#log.warn({ node: action.node_id }, `the API does not take that it was ${action.action}: ${message}`);
      });
      await this.#change((actions) => actions.filter(({ id }) => id !== action.id));
    }
  }

  async #report({ id, node_id: nodeId, action, at }: Action): Promise<void> {
    const isGone = action === "delete";
    if (isGone) await tellFailed(this.#api, nodeId, "deleted on its host");
    const after = isGone ? "; the node and its data are not there any more: delete it here, too" : "";
    const message = `${action} on host ${this.#hostName} at ${new Date(at).toISOString()}, without the control plane${after}`;
    // Told again after an answer that got lost, it is still one report.
    const once = { headers: { "idempotency-key": id } };
    await callApi(() => this.#api.nodes.reportError({ nodeId, message }, once));
  }

  async #load(): Promise<readonly Action[]> {
    this.#actions ??= (await readOrSetAside(this.#path, { version: 1, schema: fileSchema }, this.#log))?.actions ?? [];
    return this.#actions;
  }

  #change(change: (actions: readonly Action[]) => readonly Action[]): Promise<void> {
    const turn = this.#writing.then(async () => {
      const actions = change(await this.#load());
      await writeDurable(this.#path, JSON.stringify({ schema_version: 1, actions }));
      this.#actions = actions;
    });
    this.#writing = turn.catch(() => {});
    return turn;
  }
}
