import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { afterFailure, maxAttempts, slowRetryMs, switched, tolerated } from "./after-failure.ts";
import { isStopOverdue, waitsForAttempt } from "./next-attempt.ts";
import { sampleState } from "./node-state.sample.ts";
import { contentOf, type NodeState } from "./node-state.ts";
import { nothing, type Observed } from "./observed.ts";
import { apply, type World } from "./plan.model.ts";
import { plan } from "./plan.ts";
import type { Step, StepKind } from "./step.ts";

/** The kinds of the steps until nothing is left to do. */
function run(world: World): { readonly kinds: StepKind[]; readonly end: World | "gone" } {
  const kinds: StepKind[] = [];
  let now = world;
  for (;;) {
    const step = plan(now.state, now.seen);
    if (step === undefined) return { kinds, end: now };
    kinds.push(step.kind);
    assert.ok(kinds.length < 60, `no end: ${kinds.join(" ")}`);
    const next = apply(now, step);
    if (next === "gone") return { kinds, end: next };
    now = next;
  }
}

const target = (state: NodeState) => ({
  ...contentOf(state),
  image: { ...state.image, version: "2.0.0", uri: "oci:new", digest: "", rootfs: "" },
});

const stopped = sampleState({
  expected_status: "Stopped",
  created: true,
  image: { digest: "sha256:old", rootfs: "old" },
});
const atRest: Observed = { ...nothing, directory: true, rootfs: "old", plugin: "old" };
const running: NodeState = { ...stopped, expected_status: "Running", initialized: true, started_at: 1 };
const atWork: Observed = {
  ...atRest,
  engine: "served",
  network: "present",
  firewall: "applied",
  container: "running",
  agent: "ready",
};

describe("the plan", () => {
  const plans: readonly (readonly [name: string, world: World, kinds: readonly StepKind[]])[] = [
    [
      "creates",
      { state: sampleState({ created: false, expected_status: "Stopped" }), seen: nothing },
      ["prepare_directory", "pull_image", "mount_rootfs", "load_plugin", "finish_create"],
    ],
    [
      "starts for the first time",
      { state: { ...stopped, expected_status: "Running" }, seen: atRest },
      [
        "serve_engine",
        "set_up_network",
        "apply_firewall",
        "start_container",
        "start_agent",
        "configure_agent",
        "initialize",
        "mark_started",
      ],
    ],
    [
      "starts again without init",
      { state: { ...running, started_at: null }, seen: atRest },
      [
        "serve_engine",
        "set_up_network",
        "apply_firewall",
        "start_container",
        "start_agent",
        "configure_agent",
        "mark_started",
      ],
    ],
    ["leaves a running node alone", { state: running, seen: atWork }, []],
    ["leaves a stopped node alone", { state: stopped, seen: atRest }, []],
    ["leaves a failed node alone", { state: { ...running, expected_status: "Failed" }, seen: atRest }, []],
    [
      "stops",
      { state: { ...running, expected_status: "Stopped" }, seen: atWork },
      ["stop_jobs", "stop_container", "close_engine", "tear_down_network"],
    ],
    [
      "goes on waiting for jobs that an earlier daemon has begun to stop",
      { state: { ...running, expected_status: "Stopped" }, seen: { ...atWork, agent: "shutting_down" } },
      ["stop_jobs", "stop_container", "close_engine", "tear_down_network"],
    ],
    [
      "brings babel back to stop jobs as they want to be stopped",
      { state: { ...running, expected_status: "Stopped" }, seen: { ...atWork, agent: "off" } },
      ["start_agent", "stop_jobs", "stop_container", "close_engine", "tear_down_network"],
    ],
    [
      "stops by force without babel",
      { state: { ...running, expected_status: "Stopped", force: true }, seen: { ...atWork, agent: "off" } },
      ["stop_container", "close_engine", "tear_down_network"],
    ],
    [
      "restarts",
      { state: { ...running, restarting: true }, seen: atWork },
      [
        ...["stop_jobs", "stop_container", "close_engine", "tear_down_network", "turn_around"],
        ...[
          "serve_engine",
          "set_up_network",
          "apply_firewall",
          "start_container",
          "start_agent",
          "configure_agent",
          "mark_started",
        ],
      ] as StepKind[],
    ],
    ["restarts only babel after it died", { state: running, seen: { ...atWork, agent: "off" } }, ["start_agent"]],
    [
      "takes over a running node after a restart of the daemon without touching its processes",
      { state: running, seen: { ...atWork, plugin: undefined, engine: "closed", firewall: "unknown" } },
      ["load_plugin", "serve_engine", "apply_firewall"],
    ],
    [
      "brings everything back after a reboot of the host",
      { state: running, seen: { ...nothing, directory: true } },
      [
        ...["mount_rootfs", "load_plugin", "serve_engine", "set_up_network", "apply_firewall"],
        ...["start_container", "start_agent", "configure_agent", "mark_started"],
      ] as StepKind[],
    ],
    [
      "deletes a running node",
      { state: { ...running, expected_status: "Deleted" }, seen: atWork },
      ["stop_jobs", "stop_container", "close_engine", "tear_down_network", "unmount_rootfs", "discard"],
    ],
    [
      "deletes a node that was never completed",
      { state: sampleState({ created: false, expected_status: "Deleted" }), seen: nothing },
      ["discard"],
    ],
    [
      "upgrades a running node",
      { state: { ...running, upgrade: upgradeOf(running) }, seen: atWork },
      [
        ...[
          "pull_target",
          "check_target",
          "begin_switch",
          "stop_jobs",
          "stop_container",
          "close_engine",
          "tear_down_network",
          "switch_content",
        ],
        ...["mount_rootfs", "load_plugin", "serve_engine", "set_up_network", "apply_firewall", "start_container"],
        ...["start_agent", "configure_agent", "initialize", "mark_started", "finish_upgrade"],
      ] as StepKind[],
    ],
    [
      "upgrades a stopped node without starting it",
      { state: { ...stopped, upgrade: upgradeOf(stopped) }, seen: atRest },
      [
        "pull_target",
        "check_target",
        "begin_switch",
        "switch_content",
        "mount_rootfs",
        "load_plugin",
        "finish_upgrade",
      ],
    ],
    [
      "goes back to the version before",
      { state: goingBack(running), seen: { ...atWork, rootfs: "new", plugin: "new" } },
      [
        ...([
          "stop_jobs",
          "stop_container",
          "close_engine",
          "tear_down_network",
          "switch_back",
          "mount_rootfs",
        ] as const),
        ...(["load_plugin", "serve_engine", "set_up_network", "apply_firewall", "start_container"] as const),
        ...(["start_agent", "configure_agent", "mark_started", "finish_rollback"] as const),
      ],
    ],
    [
      "ends an upgrade with the node stopped when it is stopped in the middle",
      {
        state: {
          ...goingBack(running),
          expected_status: "Stopped",
          upgrade: { ...upgradeOf(running), stage: "apply", was_running: false },
        },
        seen: { ...atWork, rootfs: "new", plugin: "new" },
      },
      ["stop_jobs", "stop_container", "close_engine", "tear_down_network", "finish_upgrade"],
    ],
    [
      "takes a node down to move its data, and brings it up again",
      { state: { ...running, move: { data_directory: "/mnt", given_up: false } }, seen: atWork },
      [
        ...(["stop_jobs", "stop_container", "close_engine", "tear_down_network", "move_data"] as const),
        ...(["serve_engine", "set_up_network", "apply_firewall", "start_container", "start_agent"] as const),
        ...(["configure_agent", "mark_started"] as const),
      ],
    ],
    [
      "copies the data of a clone before it is complete",
      {
        state: sampleState({
          created: false,
          clone_of: { node: "x", stop: false },
          image: { digest: "sha256:old", rootfs: "old" },
        }),
        seen: nothing,
      },
      ["prepare_directory", "copy_data", "mount_rootfs", "load_plugin", "finish_create"],
    ],
    [
      "creates a node that is to run in one go",
      { state: sampleState({ created: false, expected_status: "Running", provisional: true }), seen: nothing },
      [
        ...(["prepare_directory", "pull_image", "mount_rootfs", "load_plugin", "finish_create"] as const),
        ...(["serve_engine", "set_up_network", "apply_firewall", "start_container", "start_agent"] as const),
        ...(["configure_agent", "initialize", "mark_started"] as const),
      ],
    ],
    ["keeps a node down while its data are copied", { state: { ...running, paused: true }, seen: atRest }, []],
    [
      "starts services with changed parameters, once babel knows these",
      { state: { ...running, reconfigure: true, services_dirty: true }, seen: atWork },
      ["configure_agent", "renew_services"],
    ],
    [
      "makes services what edited scripts say",
      { state: { ...running, config_dirty: true }, seen: atWork },
      ["apply_config"],
    ],
    [
      "starts services that an upload stopped which did not end",
      { state: { ...running, uploading: true }, seen: atWork },
      ["resume_services"],
    ],
    [
      "an upload that did not end has nothing to say about a node that is initialised again",
      { state: { ...running, uploading: true, initialized: false }, seen: atWork },
      ["initialize"],
    ],
  ];
  for (const [name, world, kinds] of plans) {
    test(name, () => assert.deepEqual(run(world).kinds, kinds));
  }
});

function upgradeOf(state: NodeState): NonNullable<NodeState["upgrade"]> {
  return {
    stage: "prepare",
    target: target(state),
    was_running: false,
    data_stamp: null,
    force: false,
    need_rollback: null,
    smoke_check: false,
    watch: null,
    checked: false,
  };
}

/** A node that was upgraded and goes back because a person asked for it. */
function goingBack(state: NodeState): NodeState {
  const upgraded: NodeState = { ...state, ...switched({ ...state, upgrade: upgradeOf(state) }, []) };
  const newer = { ...upgraded, image: { ...upgraded.image, digest: "sha256:new", rootfs: "new" }, initialized: true };
  const upgrade = {
    ...upgradeOf(state),
    stage: "back_stop" as const,
    was_running: state.expected_status === "Running",
  };
  return { ...newer, started_at: 1, upgrade };
}

describe("whatever is found", () => {
  const worlds = [...everyObservation()];

  test("a node that should run ends up running", () => {
    for (const seen of worlds) assert.deepEqual((run({ state: running, seen }).end as World).seen, atWork);
  });

  test("a node that should be stopped ends up stopped", () => {
    for (const seen of worlds) {
      const { end } = run({ state: { ...running, expected_status: "Stopped" }, seen });
      assert.deepEqual({ ...(end as World).seen, firewall: "unknown", agent: "off" }, atRest);
    }
  });

  test("a node that should be deleted is gone, with nothing left running or mounted", () => {
    for (const seen of worlds)
      assert.equal(run({ state: { ...running, expected_status: "Deleted" }, seen }).end, "gone");
  });

  test("an upgrade that fails anywhere ends on the old version with the node as it was, or says why not", () => {
    const begin: World = { state: { ...running, upgrade: upgradeOf(running) }, seen: atWork };
    const count = run(begin).kinds.length;
    for (let failing = 0; failing < count; failing += 1) {
      const { end, failed } = runFailingAt(begin, failing);
      assert.deepEqual(
        { failed: failed.kind, rootfs: end.state.image.rootfs, upgrade: end.state.upgrade, seen: end.seen },
        { failed: failed.kind, rootfs: "old", upgrade: null, seen: atWork },
      );
    }
  });
});

/** Runs with the n-th step failing once, with the host's own rules for what comes after. */
function runFailingAt(world: World, failing: number): { readonly end: World; readonly failed: Step } {
  let { state, seen } = world;
  let failed: Step | undefined;
  for (let count = 0; count < 100; count += 1) {
    const step = plan(state, seen);
    if (step === undefined) {
      assert.ok(failed);
      return { end: { state, seen }, failed };
    }
    if (count === failing) {
      failed = step;
      const instead = tolerated(state, step);
      if (instead) seen = { ...seen, ...instead };
      else
        state = {
          ...state,
          ...afterFailure(state, step, { code: "failed", message: "cut", hint: "" }, 1, false).change,
        };
      continue;
    }
    const next = apply({ state, seen }, step);
    assert.ok(next !== "gone");
    ({ state, seen } = next);
  }
  throw new Error("no end");
}

function* everyObservation(): Generator<Observed> {
  for (const directory of [true, false])
    for (const rootfs of [undefined, "old", "other"])
      for (const plugin of [undefined, "old", "other"])
        for (const engine of ["closed", "served"] as const)
          for (const network of ["absent", "present"] as const)
            for (const firewall of ["unknown", "applied"] as const)
              for (const [container, agent] of [
                ["off", "off"],
                ["running", "off"],
                ["running", "unconfigured"],
                ["running", "ready"],
                ["running", "shutting_down"],
                ["running", "shut_down"],
                ["running", "lost"],
              ] as const)
                yield { directory, rootfs, plugin, engine, network, firewall, container, agent };
}

describe("after a failure", () => {
  const report = { code: "failed", message: "no", hint: "" };
  const start: Step = { kind: "start_container" };

  test("a creation is undone", () => {
    const creating = sampleState({ created: false, expected_status: "Stopped" });
    assert.deepEqual(afterFailure(creating, { kind: "pull_image", uri: "x" }, report, 5, false), {
      change: { expected_status: "Deleted", force: true },
      goOn: true,
      report,
    });
  });

  test("a start is tried again later and later, then given up", () => {
    let state: NodeState = running;
    const pauses: (number | null)[] = [];
    for (let attempt = 1; attempt <= maxAttempts; attempt += 1) {
      state = { ...state, ...afterFailure(state, start, report, 1000, false).change };
      pauses.push(state.problem!.next_attempt);
    }
    assert.deepEqual(pauses, [16_000, 31_000, 61_000, 1000 + slowRetryMs]);
    assert.deepEqual([state.expected_status, state.problem?.wanted], ["Failed", "Running"]);
    const again: NodeState = { ...state, expected_status: "Running" };
    const { change } = afterFailure(again, start, report, 2000, false);
    assert.deepEqual(
      [change.expected_status, change.problem?.next_attempt, change.problem?.attempts, change.problem?.wanted],
      ["Failed", 2000 + slowRetryMs, maxAttempts + 1, "Running"],
    );
  });

  test("a node that was created to run is removed when it cannot be brought up, but not for what passes", () => {
    const provisional: NodeState = { ...running, provisional: true };
    const taken = { ...report, code: "network_address_taken" };
    assert.deepEqual(afterFailure(provisional, { kind: "set_up_network" }, taken, 1, false).change, {
      expected_status: "Deleted",
      force: true,
    });
    const slow = { ...report, code: "timeout" };
    assert.equal(afterFailure(provisional, start, slow, 1, false).change.expected_status, undefined);
  });

  test("data that could not be moved stay where they are, and the copy is removed", () => {
    const moving: NodeState = { ...running, move: { data_directory: "/mnt", given_up: false } };
    const { change, goOn } = afterFailure(moving, { kind: "move_data" }, report, 1, false);
    assert.deepEqual([change, goOn], [{ move: { data_directory: "/mnt", given_up: true } }, true]);
    assert.deepEqual(plan({ ...moving, ...change }, atWork), { kind: "move_data" });
  });

  test("a rollback that a person asked for leaves the node as it is when it cannot be stopped", () => {
    const { change } = afterFailure(goingBack(running), { kind: "stop_jobs", force: false }, report, 1, false);
    assert.deepEqual([change.upgrade, change.expected_status, change.problem?.attempts], [null, undefined, 1]);
  });

  test("an upgrade whose protocol data were touched is not taken back", () => {
    const applying: NodeState = { ...running, ...switched({ ...running, upgrade: upgradeOf(running) }, []) };
    const { change } = afterFailure(applying, { kind: "initialize" }, report, 1, true);
    assert.deepEqual(
      [change.expected_status, change.upgrade, change.problem?.code],
      ["Failed", null, "upgrade_failed"],
    );
  });
});

test("a node that did not stop in order is stopped by force when its time is over, once (DB-4.16)", () => {
  const since = 1_000_000;
  const problem = { code: "failed", message: "", hint: "", since, attempts: 1, next_attempt: since + 45_000 };
  const stopping = { expected_status: "Stopped" as const, force: false, problem };
  assert.deepEqual(
    [119_999, 120_000].map((ms) => isStopOverdue(stopping, 120_000, since + ms)),
    [false, true],
  );
  for (const other of [
    { ...stopping, force: true },
    { ...stopping, expected_status: "Running" as const },
    { ...stopping, problem: null },
  ]) {
    assert.equal(isStopOverdue(other, 120_000, since + 500_000), false);
  }
  assert.deepEqual(
    [44_999, 45_000].map((ms) => waitsForAttempt(stopping, since + ms)),
    [true, false],
  );
  assert.equal(waitsForAttempt({ problem: { ...problem, next_attempt: null } }, since + 500_000), true);
});
