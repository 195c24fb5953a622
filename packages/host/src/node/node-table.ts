import { HostError } from "../errors/host-error.ts";
import { coresOf } from "./cpu-registry.ts";
import { NodeActor, type NodeSnapshot } from "./node-actor.ts";
import { assembleNode } from "./node-assembly.ts";
import type { NodeHost } from "./node-host.ts";
import { resolveNode } from "./node-lookup.ts";
import { addressesOf, type NodeState } from "./node-state.ts";
import { type BrokenNode, createStore, loadNode, loadStore, replaceState } from "./node-store.ts";
import type { OperationRequest } from "./operation-request.ts";
import { removeBroken, removeEmpty } from "./remove-broken.ts";
import { Slots } from "./slots.ts";

/** Attached at the same time when the daemon starts (spec host-daemon DB-4.12). */
const attachConcurrency = 16;

const SECRETS_MS = 10_000;

/** All nodes of this machine. Names, addresses and cores are claimed in one synchronous step; slow work happens outside (DB-3.4). */
export class NodeTable {
  readonly #host: NodeHost;
  readonly #onChange: (actor: NodeActor) => void;
  readonly #actors = new Map<string, NodeActor>();
  readonly #broken = new Map<string, BrokenNode & { readonly addresses: readonly string[] }>();
  /** Broken nodes that are being deleted. */
  readonly #leaving = new Set<string>();
  readonly #attaching = new Set<string>();
  /** Addresses of nodes that are about to be created. */
  readonly #reserved = new Set<string>();

  constructor(host: NodeHost, onChange: (actor: NodeActor) => void) {
    this.#host = host;
    this.#onChange = onChange;
  }

  get counts(): { readonly total: number; readonly attached: number; readonly running: number } {
    const total = this.#actors.size + this.#broken.size;
    const running = this.actors().filter((actor) => actor.snapshot().status === "Running").length;
    return { total, attached: total - this.#attaching.size, running };
  }

  actors(): readonly NodeActor[] {
    return [...this.#actors.values()];
  }

  /** Sorted by name. */
  snapshots(): readonly NodeSnapshot[] {
    return this.actors()
      .map((actor) => actor.snapshot())
      .toSorted((a, b) => a.state.name.localeCompare(b.state.name));
  }

  broken(): readonly BrokenNode[] {
    return [...this.#broken.values()];
  }

  isAttaching(id: string): boolean {
    return this.#attaching.has(id);
  }

  get(id: string): NodeActor | undefined {
    return this.#actors.get(id);
  }

  /** By id, name or unambiguous prefix. Errors `not_found`, `ambiguous`. */
  lookUp(reference: string): NodeActor | BrokenNode {
    const known = [
      ...this.actors().map((actor) => ({ id: actor.id, name: actor.snapshot().state.name, found: actor })),
      ...this.broken().map((found) => ({ id: found.id, name: found.name, found })),
    ];
    return resolveNode<(typeof known)[number]>(reference, known).found;
  }

  /** As `lookUp`, of nodes that something can be done with. Errors also `broken_node`. */
  find(reference: string, operation: string): NodeActor {
    const found = this.lookUp(reference);
    if (found instanceof NodeActor) return found;
    throw new HostError("broken_node", `cannot ${operation} broken node \`${found.name}\``, {
      hint: `${found.reason}; ${waysOut(found)}`,
    });
  }

  /** Loads what is on disk; nodes are listed at once and attached in the background. Resolves when all are attached. */
  async load(onAttached: () => void): Promise<void> {
    const { nodes, empty } = await loadStore(this.#host.paths);
    for (const id of empty) await removeEmpty(this.#host.paths, id);
    for (const node of nodes) {
      if (node.kind === "broken") {
        this.#host.log.error({ node: node.id }, `broken node: ${node.reason}`);
        // It may still run.
        this.#broken.set(node.id, { ...node, addresses: await this.#host.network.addressesOf(node.id) });
      } else {
        this.#add(node.state);
        this.#attaching.add(node.state.id);
      }
    }
    const slots = new Slots(attachConcurrency);
    const inTurn = (work: () => Promise<void>): Promise<void> => slots.use(work);
    const actors = [...this.#attaching].flatMap((id) => this.#actors.get(id) ?? []);
    const unseen = new Set<NodeActor>();
    // All are looked at before any goes on, or anybody is served: what one has begun may need another, as a clone does its source.
    await Promise.all(
      actors.map((actor) =>
        actor.look(inTurn).catch((error: unknown) => {
          actor.parts.log.error(`attach failed: ${(error as Error).message}`);
          unseen.add(actor);
        }),
      ),
    );
    const resume = async (actor: NodeActor): Promise<void> => {
      if (!unseen.has(actor)) await actor.resume();
      this.#attaching.delete(actor.id);
      onAttached();
    };
    await Promise.all(actors.map((actor) => inTurn(() => resume(actor))));
  }

  /** Claims id, name, address and cores, makes the state durable and creates the node. */
  async create(
    state: NodeState,
    {
      secrets = {},
      ...request
    }: Pick<OperationRequest, "onNews" | "commandId" | "requestId" | "origin"> & {
      /** What its plugin finds from the start on: of a dev node. */
      readonly secrets?: Readonly<Record<string, string>>;
    },
  ): Promise<NodeSnapshot> {
    const kind = await this.#host.spaces.kindFor(state.vm_config.disk_size_gb);
    this.#refuseTaken(state);
    const { cpu_policy: policy } = this.#host.config.runtime;
    const cores = state.dev_mode ? [] : this.#host.cpus.reserve(state.id, state.vm_config.vcpu_count, [], policy);
    const claimed = { ...state, created: false, cpu_policy: policy, assigned_cpus: [...cores], space: { kind, gb: 0 } };
    const actor = this.#add(claimed);
    try {
      await createStore(this.#host.paths, claimed);
      await this.#putSecrets(claimed, secrets);
    } catch (error) {
      this.#forget(actor);
      throw error;
    }
    return actor.operate({ kind: "create", change: () => ({}), ...request });
  }

  /** All of them, or the node is not there. */
  async #putSecrets(state: NodeState, secrets: Readonly<Record<string, string>>): Promise<void> {
    try {
      const store = this.#host.secretsOf(state);
      const signal = AbortSignal.timeout(SECRETS_MS);
      for (const [key, text] of Object.entries(secrets)) await store.put(key, Buffer.from(text), signal);
    } catch (error) {
      await removeEmpty(this.#host.paths, state.id);
      throw error;
    }
  }

  /** Deletes a node whose state cannot be read, from its directory alone (spec DB-4.6). False: there is no such broken node. */
  async deleteBroken(id: string): Promise<boolean> {
    if (!this.#broken.has(id)) return false;
    this.#leaving.add(id);
    try {
      await removeBroken(this.#host, id);
      this.#broken.delete(id);
    } finally {
      this.#leaving.delete(id);
    }
    return true;
  }

  /** Takes over broken nodes whose state somebody has repaired (spec DB-1.5). */
  async adoptRepaired(): Promise<void> {
    for (const broken of [...this.#broken.values()]) await this.#adopt(broken);
  }

  /**
   * Takes over a broken node now, with `text` as its state if there is one; a node that is none is left as it is. Errors `broken_node` with
   * what is still wrong, `invalid`, `conflict`.
   */
  async repair(reference: string, text: string | undefined): Promise<NodeActor> {
    const found = this.lookUp(reference);
    if (found instanceof NodeActor) {
      if (text === undefined) return found;
      throw new HostError("conflict", `node \`${found.snapshot().state.name}\` is not broken`, {
        hint: "only a state that cannot be read is replaced",
      });
    }
    if (text !== undefined) await replaceState(this.#host.paths, found.id, text);
    await this.#adopt(found);
    const actor = this.#actors.get(found.id);
    if (actor) return actor;
    const now = this.#broken.get(found.id) ?? found;
    throw new HostError("broken_node", `node \`${now.name}\` is still broken: ${now.reason}`, { hint: waysOut(now) });
  }

  async #adopt({ id }: BrokenNode): Promise<void> {
    const found = await loadNode(this.#host.paths, id);
    const broken = this.#broken.get(id);
    if (found === undefined || broken === undefined || this.#leaving.has(id)) return;
    if (found.kind === "broken") {
      this.#broken.set(id, { ...broken, ...found });
      return;
    }
    this.#broken.delete(id);
    try {
      this.#refuseTaken(found.state);
    } catch (error) {
      this.#broken.set(id, { ...broken, reason: (error as Error).message });
      return;
    }
    this.#host.log.info({ node: id }, "its state can be read again");
    await this.#add(found.state).attach();
  }

  /** False: another creation has it. */
  reserveAddress(ip: string): boolean {
    if (this.#reserved.has(ip)) return false;
    this.#reserved.add(ip);
    return true;
  }

  releaseAddress(ip: string): void {
    this.#reserved.delete(ip);
  }

  usedAddresses(): ReadonlySet<string> {
    const ofBroken = [...this.#broken.values()].flatMap(({ addresses }) => addresses);
    return new Set([...this.actors().flatMap((actor) => addressesOf(actor.snapshot().state)), ...ofBroken]);
  }

  usedNames(): ReadonlySet<string> {
    return new Set(this.actors().map((actor) => actor.snapshot().state.name));
  }

  async detach(): Promise<void> {
    await Promise.all(this.actors().map((actor) => actor.detach()));
  }

  #refuseTaken(state: NodeState): void {
    this.#host.ports.refuseTaken(state.id, state.ports.mappings);
    if (this.#broken.has(state.id)) throw new HostError("broken_node", `cannot create broken node \`${state.id}\``);
    const wanted = addressesOf(state);
    for (const { id, addresses } of this.#broken.values()) {
      const clash = wanted.find((ip) => addresses.includes(ip));
      if (clash === undefined) continue;
      throw new HostError("conflict", `node with ip address \`${clash}\` exists`, {
        hint: `it belongs to broken node ${id}; choose another address, or leave it out to get a free one`,
      });
    }
    for (const actor of this.actors()) {
      const other = actor.snapshot().state;
      if (other.id === state.id) throw new HostError("conflict", `node with id \`${state.id}\` exists`);
      if (other.name === state.name) {
        throw new HostError("conflict", `node with name \`${state.name}\` exists`, { hint: "choose another name" });
      }
      const clash = wanted.find((ip) => addressesOf(other).includes(ip));
      if (clash !== undefined) {
        throw new HostError("conflict", `node with ip address \`${clash}\` exists`, {
          hint: `it belongs to ${other.name}; choose another address, or leave it out to get a free one`,
        });
      }
    }
  }

  #add(state: NodeState): NodeActor {
    const actor = new NodeActor(
      (current) => assembleNode(this.#host, state.id, current, (id) => this.#actors.get(id)),
      state,
      (changed) => {
        if (changed.gone) this.#forget(changed);
        else this.#claim(changed.snapshot().state);
        this.#onChange(changed);
      },
    );
    this.#actors.set(state.id, actor);
    this.#claim(state);
    return actor;
  }

  #claim(state: NodeState): void {
    this.#host.cpus.assign(state.id, coresOf(state));
    this.#host.ports.assign(state);
  }

  #forget(actor: NodeActor): void {
    if (this.#actors.get(actor.id) !== actor) return;
    this.#actors.delete(actor.id);
    this.#host.cpus.release(actor.id);
    this.#host.ports.release(actor.id);
  }
}

function waysOut({ name }: BrokenNode): string {
  return `correct its state.json and \`bv node repair ${name}\`, give another one with \`--state FILE\`, or delete the node`;
}
