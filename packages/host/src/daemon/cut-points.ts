import { afterFailure } from "../node/after-failure.ts";
import { sampleState } from "../node/node-state.sample.ts";
import { contentOf, type NodeState } from "../node/node-state.ts";
import { nothing, type Observed } from "../node/observed.ts";
import { apply, type World } from "../node/plan.model.ts";
import { plan } from "../node/plan.ts";
import type { StepKind } from "../node/step.ts";

/**
 * Every place where a daemon can die in an operation on a node, told by the plan itself: a step that is new is cut by the next run of the
 * crash matrix. Between the record of one step and the beginning of the next nothing happens, so those two are one place.
 */
export interface CutPoint {
  readonly operation: Operation;
  /** `before.first_step`, then `done.step` (its effect is there, its record is not) and `after.step` for each. */
  readonly name: string;
  /** The n-th pass of that name since the operation began. */
  readonly pass: number;
}

export const operations = [
  "create",
  "create and start",
  "create that fails",
  "start",
  "stop",
  "stop with force",
  "restart",
  "upgrade",
  "upgrade when stopped",
  "upgrade that fails",
  "rollback",
  "move data",
  "clone",
  "delete",
  "recover babel",
  "recover the container",
  "restart of the daemon",
  "update of parameters",
  "reboot of the machine",
] as const;

export type Operation = (typeof operations)[number];

/** How an operation finds a node, and how it leaves it. */
export type Condition = "absent" | "created" | "running" | "upgraded" | "stopped" | "switched";

/** How a node gets into a condition that operations begin in. */
export const histories = {
  absent: [],
  created: ["create"],
  running: ["create and start"],
  upgraded: ["create and start", "upgrade"],
} as const satisfies Readonly<Partial<Record<Condition, readonly Operation[]>>>;

interface Course {
  readonly from: keyof typeof histories;
  readonly to: Condition;
  readonly change: (world: World) => World;
  /** The step that fails. */
  readonly failing?: StepKind;
  /** The steps are those of another daemon that takes the node over. */
  readonly attach?: true;
  /** The steps are those of a new node that is made from it. */
  readonly makes?: true;
}

const desire =
  (change: Partial<NodeState> | ((state: NodeState) => Partial<NodeState>)) =>
  ({ state, seen }: World): World => ({
    state: { ...state, ...(typeof change === "function" ? change(state) : change) },
    seen,
  });

const upgradeTo = (state: NodeState): NonNullable<NodeState["upgrade"]> => ({
  stage: "prepare",
  target: { ...contentOf(state), image: { ...state.image, version: "2.0.0", uri: "oci:new", digest: "", rootfs: "" } },
  was_running: false,
  data_stamp: null,
  force: false,
  need_rollback: null,
  smoke_check: false,
  checked: false,
  watch: { ms: 50, since: 0 },
});

/** What a daemon finds of a node that another one left. */
const takenOver: Partial<Observed> = { plugin: undefined, engine: "closed" };

const courses: Readonly<Record<Operation, Course>> = {
  create: { from: "absent", to: "created", change: desire({}) },
  "create and start": {
    from: "absent",
    to: "running",
    change: desire({ expected_status: "Running", provisional: true }),
  },
  "create that fails": {
    from: "absent",
    to: "absent",
    change: desire({ expected_status: "Running", provisional: true }),
    failing: "initialize",
  },
  start: { from: "created", to: "running", change: desire({ expected_status: "Running" }) },
  stop: { from: "upgraded", to: "stopped", change: desire({ expected_status: "Stopped" }) },
  "stop with force": { from: "upgraded", to: "stopped", change: desire({ expected_status: "Stopped", force: true }) },
  restart: { from: "running", to: "running", change: desire({ restarting: true }) },
  upgrade: { from: "running", to: "upgraded", change: desire((state) => ({ upgrade: upgradeTo(state) })) },
  "upgrade when stopped": {
    from: "created",
    to: "switched",
    change: desire((state) => ({ upgrade: upgradeTo(state) })),
  },
  "upgrade that fails": {
    from: "running",
    to: "running",
    change: desire((state) => ({ upgrade: upgradeTo(state) })),
    failing: "initialize",
  },
  rollback: {
    from: "upgraded",
    to: "upgraded",
    change: desire((state) => ({ upgrade: { ...upgradeTo(state), stage: "back_stop", was_running: true } })),
  },
  "move data": {
    from: "running",
    to: "running",
    change: desire({ move: { data_directory: "/elsewhere", given_up: false } }),
  },
  clone: {
    from: "running",
    to: "running",
    makes: true,
    change: desire(({ image }) => ({
      clone_of: { node: "source", stop: true },
      image: { ...image, digest: "sha256:old", rootfs: "old" },
    })),
  },
  delete: { from: "upgraded", to: "absent", change: desire({ expected_status: "Deleted" }) },
  "recover babel": {
    from: "running",
    to: "running",
    change: ({ state, seen }) => ({ state, seen: { ...seen, agent: "off" } }),
  },
  "recover the container": {
    from: "running",
    to: "running",
    change: ({ state, seen }) => ({ state, seen: { ...seen, container: "off", agent: "off" } }),
  },
  "restart of the daemon": {
    from: "running",
    to: "running",
    change: ({ state, seen }) => ({ state, seen: { ...seen, ...takenOver } }),
    attach: true,
  },
  "update of parameters": {
    from: "running",
    to: "running",
    change: ({ state, seen }) => ({
      state: { ...state, initialized: false, reconfigure: true },
      seen: { ...seen, ...takenOver },
    }),
    attach: true,
  },
  "reboot of the machine": {
    from: "running",
    to: "running",
    change: ({ state }) => ({ state, seen: { ...nothing, directory: true } }),
    attach: true,
  },
};

export function courseOf(operation: Operation): Course {
  return courses[operation];
}

/** All places of one operation, in the order in which they are passed. */
export function cutPointsOf(operation: Operation): readonly CutPoint[] {
  const { from, change, failing, makes } = courseOf(operation);
  const history = makes ? [] : histories[from];
  const begin = history.reduce((world, done) => walk(courseOf(done).change(world)).end, unborn);
  const passed = new Map<string, number>();
  const pass = (name: string): number => {
    const count = (passed.get(name) ?? 0) + 1;
    passed.set(name, count);
    return count;
  };
  const { steps } = walk(change(begin), failing);
  return steps.flatMap((step, index) => {
    const whole = [...(inside[step] ?? []), "done", "after"];
    const moments = ["before", ...(step === failing ? [] : whole)].map((moment) => ({
      operation,
      name: `${moment}.${step}`,
      pass: pass(`${moment}.${step}`),
    }));
    // After a step that failed there is no `after`: what was decided then is first seen before the next.
    return index === 0 || steps[index - 1] === failing ? moments : moments.slice(1);
  });
}

const unborn: World = { state: sampleState({ created: false, expected_status: "Stopped" }), seen: nothing };

/** Steps that take long and change more than one thing. */
const inside: Readonly<Partial<Record<StepKind, readonly string[]>>> = {
  copy_data: ["copied"],
  move_data: ["copied"],
  initialize: ["started"],
};

function walk(start: World, failing?: StepKind): { readonly steps: readonly StepKind[]; readonly end: World } {
  const steps: StepKind[] = [];
  let world = start;
  let left = failing;
  for (;;) {
    const step = plan(world.state, world.seen);
    if (step === undefined) return { steps, end: world };
    steps.push(step.kind);
    if (step.kind === left) {
      left = undefined;
      const report = { code: "failed", message: "no way", hint: "" };
      world = desire(afterFailure(world.state, step, report, 1, false).change)(world);
      continue;
    }
    const next = apply(world, step);
    if (next === "gone") return { steps, end: world };
    world = next;
  }
}
