import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { HostError } from "../errors/host-error.ts";
import { requireData } from "../node/data-place.ts";
import type { NodeActor } from "../node/node-actor.ts";
import { isDirectory } from "../node/node-data.ts";
import { holdData, nameHolder, releaseData } from "../node/node-hold.ts";
import type { NodeHost } from "../node/node-host.ts";
import { type ArchiveOrder, dataFolder, toolArguments } from "./archive-order.ts";
import { type ArchiveTool, type ArchiveToolEnd, startArchiveTool } from "./archive-tool.ts";

interface Operation {
  readonly stop: AbortController;
  /** Its process is gone, and the node is free. */
  readonly ended: Promise<void>;
}

export type ArchiveOutput =
  | { readonly kind: "line"; readonly line: string }
  | { readonly kind: "end"; readonly end: ArchiveToolEnd };

/** What works on protocol data of nodes from outside: the agent's archive tool, as root, with the host's rights at the control plane (spec host-daemon DB-2.12). */
export class ArchiveOperations {
  readonly #host: NodeHost;
  readonly #running = new Map<string, Operation>();
  #closed = false;

  constructor(host: NodeHost) {
    this.#host = host;
  }

  /**
   * Works on the data of a stopped node, which nothing else does meanwhile, until it is done or `signal` says so; a node that is deleted ends
   * it, too. Errors: `busy`, `failed`, `invalid`; `unavailable` when the daemon ends.
   */
  async *operate(actor: NodeActor, order: ArchiveOrder, signal: AbortSignal): AsyncGenerator<ArchiveOutput> {
    const earlier = this.#running.get(actor.id);
    // The same command goes on as soon as the one that was given up has noticed.
    if (earlier?.stop.signal.aborted) await earlier.ended;
    const { tool, named, stop, ended } = await this.#begin(actor, order);
    const giveUp = (): void => stop.abort();
    signal.addEventListener("abort", giveUp, { once: true });
    if (signal.aborted) giveUp();
    if (this.#closed) stop.abort(daemonEnds());
    try {
      await named;
      for await (const line of tool.lines) yield { kind: "line", line };
      const end = await tool.ended;
      await ended;
      stop.signal.throwIfAborted();
      yield { kind: "end", end };
    } finally {
      giveUp();
    }
  }

  async #begin(actor: NodeActor, order: ArchiveOrder) {
    const { parts, id } = actor;
    const holder = await holdData(actor, `bv archive ${order.verb}`);
    const { promise: ended, resolve } = Promise.withResolvers<void>();
    const stop = new AbortController();
    this.#running.set(id, { stop, ended });
    // What was done meanwhile was told to nobody.
    if (actor.gone || actor.snapshot().state.expected_status !== "Stopped") stop.abort(taken());
    const release = async (): Promise<void> => {
      await releaseData(parts).catch((error: Error) => parts.log.warn(`held.json is left: ${error.message}`));
      this.#running.delete(id);
      resolve();
    };
    try {
      const tool = await this.#start(actor, order, stop.signal);
      const named = nameHolder(parts, holder, tool.pid);
      // The node is free when the process has ended, also when nobody reads any more what it said.
      void Promise.allSettled([tool.ended, named]).then(release);
      return { tool, named, stop, ended };
    } catch (error) {
      await release();
      throw error;
    }
  }

  async #start(actor: NodeActor, order: ArchiveOrder, signal: AbortSignal): Promise<ArchiveTool> {
    const { agent, config, paths } = this.#host;
    const state = join(actor.parts.paths.directory, "archive-tool");
    const place = { volume: await this.#volume(actor, order), state, engine: paths.socket };
    const { PATH, NODE_EXTRA_CA_CERTS } = process.env;
    const env = { PATH, BABEL_CA_FILE: config.caFile ?? NODE_EXTRA_CA_CERTS };
    return startArchiveTool([...agent.archiveTool, ...toolArguments(order, place)], env, signal);
  }

  /** Something is done with a node. What does not leave it down ends what works on its data; so does a stop, which is for others than its client. */
  changed(actor: NodeActor): void {
    const running = this.#running.get(actor.id);
    if (running === undefined) return;
    const { state, operation } = actor.snapshot();
    if (actor.gone || state.expected_status !== "Stopped" || operation?.kind === "stop") running.stop.abort(taken());
  }

  /** Ends all of them, each so that it can go on. */
  async close(): Promise<void> {
    this.#closed = true;
    const running = [...this.#running.values()];
    for (const { stop } of running) stop.abort(daemonEnds());
    await Promise.all(running.map(({ ended }) => ended));
  }

  /** Where the data of a node lie, with a folder for those of the protocol: a real one, as a link in a node's data could lead anywhere. */
  async #volume(actor: NodeActor, { verb }: ArchiveOrder): Promise<string> {
    const { paths, state } = actor.parts;
    const { name, space, data_directory: moved } = state();
    if (moved === null && !this.#host.spaces.isReady(paths.directory, space.kind)) {
      throw new HostError("failed", `the data of node ${name} are not mounted`, {
        hint: `start it once, and stop it: bv node start ${name}`,
      });
    }
    const volume = await requireData(paths, state());
    const folder = dataFolder(volume);
    if (verb === "fetch") {
      await mkdir(folder).catch((error: NodeJS.ErrnoException) => {
        if (error.code === "EEXIST") return;
        throw new HostError("failed", `cannot make ${folder}: ${error.message}`);
      });
    }
    if (await isDirectory(folder)) return volume;
    throw new HostError("invalid", `${folder} is not a folder`, {
      hint: "protocol data are there after the first start of the node, or a `bv archive fetch`; a link is not followed",
    });
  }
}

function taken(): HostError {
  return new HostError("cancelled", "something else is done with the node", { hint: "`bv node events` shows what" });
}

function daemonEnds(): HostError {
  return new HostError("unavailable", "blockvisord ends", { hint: "the same command goes on with the next one" });
}
