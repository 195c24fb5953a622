import { setTimeout as pause } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import type { CallOptions } from "@blockvisor/plugin";
import { cutPoint } from "../durable/index.ts";
import { type ErrorReport, errorOf, HostError, reportOf } from "../errors/host-error.ts";
import { adoptFirstAgent } from "./adopt-agent.ts";
import { afterFailure, lostAgent, tolerated } from "./after-failure.ts";
import { type AppliedConfig, applyConfig } from "./apply-config.ts";
import { failedAs, givenUp, givenUpFor, journalOf } from "./command-outcome.ts";
import { describeFault } from "./describe-fault.ts";
import { execute } from "./execute.ts";
import { hopeful, isStale, settled } from "./goal-reached.ts";
import { isStopOverdue, waitsForAttempt } from "./next-attempt.ts";
import { restoreParts } from "./node-assembly.ts";
import type { NodeParts } from "./node-host.ts";
import type { NodeOperation, NodeState } from "./node-state.ts";
import { type NodeStatus, statusOf } from "./node-status.ts";
import { saveState } from "./node-store.ts";
import { isAlright, observe } from "./observe.ts";
import { nothing, type Observed } from "./observed.ts";
import { askedLog } from "./operation-log.ts";
import { originOf } from "./operation-origin.ts";
import { isPreempted, type OperationRequest, preemptsScripts } from "./operation-request.ts";
import { plan } from "./plan.ts";
import { isLifecycle, runLifecycle } from "./run-lifecycle.ts";
import { type Step, type StepKind, stepTitles } from "./step.ts";
import { withChange } from "./step-journal.ts";
import { dataStamp } from "./steps-upgrade.ts";

/** A published view: reading it never waits for the node. */
export interface NodeSnapshot {
  readonly state: NodeState;
  readonly seen: Observed;
  readonly status: NodeStatus;
  readonly operation: (NodeOperation & { readonly step: StepKind | undefined }) | undefined;
}

/** More steps than any operation has: a plan that does not get anywhere is a bug, and must not spin. */
const maxSteps = 120;

/** The control plane is not talked to before nodes are attached: a job that takes its time to end must not hold that up. */
const attachMs = 30_000;

/** One node: its mailbox, in which operations are served one after another, and the loop that makes it what it should be. */
export class NodeActor {
  readonly parts: NodeParts;
  readonly #onChange: (actor: NodeActor) => void;
  #state: NodeState;
  #seen: Observed = nothing;
  #current:
    | { readonly operation: NodeOperation; readonly abort: AbortController; step: StepKind | undefined; told: boolean }
    | undefined;
  /** Of `init` and `upload` that run or wait for their turn. */
  readonly #scripts = new Set<AbortController>();
  #mailbox: Promise<unknown> = Promise.resolve();
  /** Operations that wait for their turn, and are told for what; one that leaves before it comes is given up. */
  readonly #queue = new Set<OperationRequest>();
  #waiting = 0;
  #recoveries = 0;
  #working = 0;
  /** Looked at since the daemon started; before that nothing is known about the node. */
  #known = false;
  #gone = false;
  #detached = false;

  constructor(parts: (state: () => NodeState) => NodeParts, state: NodeState, onChange: (actor: NodeActor) => void) {
    this.#state = state;
    this.#onChange = onChange;
    this.parts = parts(() => this.#state);
  }

  get id(): string {
    return this.#state.id;
  }

  get gone(): boolean {
    return this.#gone;
  }

  snapshot(): NodeSnapshot {
    const current = this.#current;
    return {
      state: this.#state,
      seen: this.#seen,
      status: statusOf(this.#state, this.#seen, current !== undefined || !this.#known),
      operation: current && { ...current.operation, step: current.step },
    };
  }

  /** Takes the node over when the daemon starts. */
  async attach(): Promise<void> {
    await this.look();
    await this.resume();
  }

  /** Finds out how an earlier daemon left the node. Whatever is asked of it from now on waits for that. */
  look(inTurn = (work: () => Promise<void>): Promise<void> => work()): Promise<void> {
    const look = async (): Promise<void> => {
      await restoreParts(this.parts).catch((error: unknown) => this.parts.log.error((error as Error).message));
      // A daemon that died while it held the processes still, or the node down, for a copy of its data.
      await this.parts.host.cgroups.thaw(this.id);
      if (this.#state.paused) await this.#save({ paused: false });
      const end = await this.parts.host.runtime.ended(this.id);
      const container = await this.parts.host.runtime.attach(this.id);
      // A daemon that died before its babel had answered.
      if (container.kind === "running") await adoptFirstAgent(this.parts, container.init);
      this.#seen = await observe(this.parts, this.#state);
      if (end !== undefined && this.#state.expected_status === "Running") {
        const message = `while no daemon ran: ${describeFault(this.#state, this.#seen, end)}`;
        this.parts.events.add({ kind: "found", operation: "recover", message });
      }
    };
    return this.#enqueue(() => inTurn(look));
  }

  /** Finishes what was begun, which is not waited for if it takes long. Failures stay with the node. */
  async resume(): Promise<void> {
    const kind = this.#state.operation?.kind ?? "recover";
    const resumed = this.operate({ kind, change: () => ({}), resumed: true }).catch(() => {});
    await Promise.race([resumed, pause(attachMs, undefined, { ref: false })]);
  }

  /** Resolves when the node is what `change` asked for; rejects with what was in the way. Nobody waiting does not stop it. */
  operate(request: OperationRequest): Promise<NodeSnapshot> {
    if (this.#current && isPreempted(this.#current.operation.kind, request)) this.#current.abort.abort();
    if (preemptsScripts(request)) this.#giveUpScripts();
    for (const earlier of this.#queue) if (isPreempted(earlier.kind, request)) this.#queue.delete(earlier);
    this.#queue.add(request);
    if (this.#current) request.onNews?.({ kind: "waits", behind: this.#current.operation });
    return this.#enqueue(async () => {
      if (!this.#queue.delete(request)) throw errorOf(givenUp);
      return this.#run(request);
    });
  }

  /** Whether nothing runs and nothing waits. */
  get idle(): boolean {
    return this.#working === 0 && this.#waiting === 0;
  }

  /** How much work waits for its turn, and how often this daemon set out to bring the node back. */
  get effort(): { readonly waiting: number; readonly recoveries: number } {
    return { waiting: this.#waiting, recoveries: this.#recoveries };
  }

  /** Looks whether the node still is what it should be, and brings it back if not. `thorough`: also asks babel and the network. */
  async check(thorough: boolean): Promise<void> {
    // One that nothing was asked of yet is about to be created.
    if (!this.idle || !this.#known || this.#gone || this.#detached) return;
    const { problem } = this.#state;
    const givenUp = this.#state.expected_status === "Failed";
    if (givenUp && problem?.wanted === undefined) return;
    const byForce = isStopOverdue(this.#state, this.parts.host.config.limits.stopMs, Date.now());
    if (!byForce && waitsForAttempt(this.#state, Date.now())) return;
    const isRetried = problem !== null && problem.attempts > 0;
    const { enabled } = this.parts.host.config.recovery;
    if (!enabled && isRetried && !byForce) return;
    if (givenUp) await this.amend((state) => (state.expected_status === "Failed" ? hopeful(state) : {}));
    const { expected_status: expected } = this.#state;
    // What is down stays down by itself: looking at it now and then is enough, however many such nodes there are.
    if (!thorough && !isRetried && (expected === "Stopped" || (await isAlright(this.parts, this.#state)))) return;
    const seen = await observe(this.parts, this.#state, this.#seen);
    const end = await this.parts.host.runtime.ended(this.id);
    if (!this.idle) return;
    const isNews = !isDeepStrictEqual(seen, this.#seen);
    this.#seen = seen;
    if (plan(this.#state, seen) === undefined && !isRetried) return;
    if (!isRetried && (enabled || isNews)) {
      const operation = "recover";
      this.parts.events.add({ kind: "found", operation, message: describeFault(this.#state, seen, end) });
    }
    if (!enabled && !byForce) return this.#changed();
    if (byForce) await this.amend(() => ({ force: true }));
    this.#recoveries += 1;
    await this.operate({ kind: "recover", change: () => ({}) }).catch(() => {});
  }

  /** Changes the state between operations, without a step. */
  amend(change: (state: NodeState) => Partial<NodeState>): Promise<void> {
    return this.#enqueue(() => this.#save(change(this.#state)));
  }

  /**
   * Calls a function of the plugin, whoever asks for it. `init` and `upload` have the node to themselves; like operations they go on when
   * nobody waits for them any more, until a stop or a deletion needs the node. Errors: those of the plugin; `not_found`.
   */
  async callPlugin(name: string, param: string, options: CallOptions = {}): Promise<string> {
    if (!isLifecycle(name)) return this.parts.plugin.call(name, param, options);
    const isUp = (): boolean => this.#seen.container === "running";
    return this.#script((signal) =>
      runLifecycle(name, param, { parts: this.parts, isUp: isUp(), save: this.#save }, { ...options, signal }),
    );
  }

  /** Makes services what the plugin's config says now, in the same way; undefined while the node is not up. */
  async applyConfig(): Promise<AppliedConfig | undefined> {
    return this.#script(async (signal) => {
      if (statusOf(this.#state, this.#seen, false) !== "Running") return undefined;
      return applyConfig({ parts: this.parts, save: this.#save }, { signal });
    });
  }

  #script<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const script = new AbortController();
    this.#scripts.add(script);
    return this.#enqueue(() => work(script.signal)).finally(() => this.#scripts.delete(script));
  }

  #giveUpScripts(): void {
    for (const script of this.#scripts) script.abort();
  }

  /** Work that must not meet an operation or other such work on this node. */
  exclusively<T>(work: () => Promise<T>): Promise<T> {
    return this.#enqueue(work);
  }

  /**
   * Reads the plugin's files again. True when they have changed. Not while an upgrade exchanges the root file system they are in: it loads
   * its own. Errors: those of the plugin.
   */
  async reloadPlugin(): Promise<boolean> {
    const { plugin } = this.parts;
    const { rootfs } = this.#state.image;
    const isThere = (): boolean => this.#state.upgrade === null && this.#seen.rootfs === rootfs;
    if (!isThere()) return false;
    const before = plugin.digest;
    this.parts.pluginOf = rootfs;
    await plugin.load();
    if (isThere()) this.#seen = { ...this.#seen, plugin: rootfs };
    return plugin.digest !== before;
  }

  /** Lets go of the node; its container and babel live on. Waits for the step that runs, not for the whole operation. */
  async detach(): Promise<void> {
    this.#detached = true;
    this.#current?.abort.abort();
    this.#giveUpScripts();
    await this.#mailbox.catch(() => {});
    this.parts.tasks.disarm();
    this.parts.plugin.abortPolls();
    await this.parts.engineServer?.close();
    this.parts.engineServer = undefined;
    await this.parts.events.written();
  }

  #enqueue<T>(work: () => Promise<T>): Promise<T> {
    this.#waiting += 1;
    const turn = this.#mailbox.then(async () => {
      this.#waiting -= 1;
      this.#working += 1;
      return work().finally(() => {
        this.#working -= 1;
      });
    });
    this.#mailbox = turn.catch(() => {});
    return turn;
  }

  async #run(request: OperationRequest): Promise<NodeSnapshot> {
    if (this.#gone) {
      // A deletion that was asked for again meanwhile.
      if (request.kind === "delete") return this.snapshot();
      throw new HostError("not_found", `Node ${this.id} not found`);
    }
    if (this.#detached)
      throw new HostError("gate", "service not ready, try again later", { hint: "the daemon is stopping" });
    const again = request.commandId !== undefined && request.commandId === this.#state.last_command;
    const change = again ? {} : request.change(this.#state, this.#seen);
    const { last_failure: failed } = this.#state;
    if (again && failed !== null && this.#state.operation?.command !== request.commandId) throw errorOf(failed);
    const operation = journalOf(this.#state, request, again);
    const abort = new AbortController();
    const begin = performance.now();
    const { log } = this.parts;
    this.parts.log = askedLog(log, request, operation);
    this.#current = { operation, abort, step: undefined, told: false };
    request.onNews?.({ kind: "begins", operation });
    for (const { onNews } of this.#queue) onNews?.({ kind: "waits", behind: operation });
    this.#known = true;
    this.parts.plugin.abortPolls();
    try {
      // What a person or the API asks for starts afresh; a recovery keeps counting failures, and its goal is durable already.
      if (request.kind !== "recover") {
        const command =
          again || request.commandId === undefined ? {} : { last_command: request.commandId, last_failure: null };
        // What a person asks of a node makes it theirs: from now on it is not removed because it cannot be started.
        const settled = request.kind === "create" ? {} : { provisional: false };
        const afresh = again || request.resumed ? {} : { problem: null };
        const before = givenUpFor(this.#state, operation.command);
        await this.#save({ ...afresh, ...settled, ...change, ...before, ...command, operation });
        this.#tellBegin(request);
      }
      if (!again) this.#seen = { ...this.#seen, ...request.forget };
      const failure = (await this.#converge(request, abort.signal)) ?? this.#failureOf(operation);
      // What is given up stays in the journal until what it is given up for takes its place, or the next daemon goes on with it.
      const isOpen = this.#state.operation !== null && failure !== givenUp;
      if (!this.#gone && (isOpen || (!failure && isStale(this.#state)))) {
        await this.#save({ operation: null, ...(failure ? {} : settled(this.#state)) });
      }
      if (!this.#gone && statusOf(this.#state, this.#seen, false) === "Running") this.parts.tasks.arm();
      const ms = Math.round(performance.now() - begin);
      if (failure) {
        const { code, message } = failure;
        this.parts.events.add({ kind: "failed", operation: request.kind, code, message, ms });
        throw errorOf(failure);
      }
      if (this.#current.told) this.parts.events.add({ kind: "end", operation: request.kind, ms });
    } finally {
      this.parts.log = log;
      this.#current = undefined;
      this.#changed();
    }
    return this.snapshot();
  }

  /** What an operation that reached its end fails with all the same: it went back, perhaps in an earlier daemon. */
  #failureOf({ command }: NodeOperation): ErrorReport | undefined {
    return command === undefined ? undefined : (this.#state.last_failure ?? undefined);
  }

  /** The loop: plan, do, until there is nothing left to do. Returns the first failure that the operation has to answer for. */
  async #converge(request: OperationRequest, signal: AbortSignal): Promise<ErrorReport | undefined> {
    let failure: ErrorReport | undefined;
    for (let count = 0; ; count += 1) {
      const step = plan(this.#state, this.#seen);
      if (step === undefined) return failure && this.#rolledBack(failure);
      if (count >= maxSteps)
        throw new HostError("internal", `the plan for node ${this.id} does not end (${step.kind})`);
      if (signal.aborted) return givenUp;
      try {
        await this.#do(step, request, signal);
        if (this.#gone) return failure;
      } catch (error) {
        if (signal.aborted) {
          this.#seen = await observe(this.parts, this.#state);
          return givenUp;
        }
        const instead = tolerated(this.#state, step);
        if (instead) {
          this.parts.log.warn({ step: step.kind }, `going on without: ${reportOf(error).message}`);
          this.#seen = { ...this.#seen, ...instead };
          continue;
        }
        const now = await observe(this.parts, this.#state);
        if (lostAgent(step, this.#seen, now)) {
          this.parts.log.warn({ step: step.kind }, `babel died: ${reportOf(error).message}`);
          this.#seen = now;
          continue;
        }
        const verdict = afterFailure(
          this.#state,
          step,
          reportOf(error, "failed"),
          Date.now(),
          await this.#dataChanged(),
        );
        this.parts.log.warn({ step: step.kind, code: verdict.report.code }, verdict.report.message);
        const { code, message } = reportOf(error, "failed");
        this.parts.events.add({ kind: "failed", operation: request.kind, step: step.kind, code, message });
        failure = failure === undefined || !verdict.goOn ? verdict.report : failure;
        const end = verdict.goOn ? {} : { operation: null };
        await this.#save({ ...verdict.change, ...failedAs(this.#state, verdict.report), ...end });
        this.#seen = verdict.goOn ? await observe(this.parts, this.#state) : now;
        if (!verdict.goOn) return failure;
      }
    }
  }

  #tellBegin(request: OperationRequest): void {
    if (this.#current === undefined || this.#current.told) return;
    this.#current.told = true;
    this.parts.events.add({ kind: "begin", operation: request.kind, origin: originOf(request) });
  }

  async #do(step: Step, request: OperationRequest, signal: AbortSignal): Promise<void> {
    const { onNews, kind } = request;
    const title = stepTitles[step.kind];
    const begin = performance.now();
    this.#tellBegin(request);
    if (this.#current) this.#current.step = step.kind;
    onNews?.({ kind: "step", step: step.kind, title, finished: false });
    this.parts.log.debug({ step: step.kind }, title);
    await cutPoint(`before.${step.kind}`, this.id);
    const progress = (message: string, percent?: number): void =>
      onNews?.({ kind: "progress", step: step.kind, message, percent });
    const outcome = await execute(this.parts, step, { state: this.#state, signal, progress, save: this.#save });
    await cutPoint(`done.${step.kind}`, this.id);
    if (outcome.gone) {
      this.#gone = true;
      this.parts.host.unsaved.delete(this.id);
    } else if (outcome.state) await this.#save(outcome.state);
    await cutPoint(`after.${step.kind}`, this.id);
    this.#seen = { ...this.#seen, ...outcome.seen };
    const ms = Math.round(performance.now() - begin);
    this.parts.events.add({ kind: "step", operation: kind, step: step.kind, message: title, ms });
    onNews?.({ kind: "step", step: step.kind, title, finished: true });
    this.#changed();
  }

  /** An upgrade that went back in good order fails with that, not with what made it go back. */
  #rolledBack(failure: ErrorReport): ErrorReport {
    const { problem } = this.#state;
    return problem?.code === "upgrade_rolled_back"
      ? { code: problem.code, message: problem.message, hint: problem.hint }
      : failure;
  }

  async #dataChanged(): Promise<boolean> {
    const { upgrade } = this.#state;
    return upgrade !== null && (await dataStamp(this.parts)) !== upgrade.data_stamp;
  }

  readonly #save = async (change: Partial<NodeState>): Promise<void> => {
    const next = withChange(this.#state, change);
    if (isDeepStrictEqual(next, this.#state)) return;
    const { paths, unsaved } = this.parts.host;
    try {
      await saveState(paths, next);
      unsaved.delete(this.id);
    } catch (error) {
      unsaved.set(this.id, (error as Error).message);
      throw error;
    }
    this.#state = next;
    this.#changed();
  };

  #changed(): void {
    this.#onChange(this);
  }
}
