import type { NodeState } from "./node-state.ts";
import type { Observed } from "./observed.ts";
import type { Step } from "./step.ts";

/**
 * The next step that brings `seen` closer to what `state` wants; undefined when the node is what it should be.
 * Pure: create, start, stop, restart, upgrade, rollback, delete, recovery and attach are all this one function, asked again after each step.
 */
export function plan(state: NodeState, seen: Observed): Step | undefined {
  if (state.expected_status === "Deleted") return planDelete(state, seen);
  if (!state.created) return planCreate(state, seen);
  if (state.move !== null) return (state.move.given_up ? undefined : planDown(state, seen)) ?? { kind: "move_data" };
  if (state.upgrade !== null) return planUpgrade(state, state.upgrade, seen);
  if (state.paused) return planDown(state, seen);
  if (state.restarting) return planDown(state, seen) ?? { kind: "turn_around" };
  switch (state.expected_status) {
    case "Running":
      return planContent(state, seen) ?? planUp(state, seen);
    case "Stopped":
      return planDown(state, seen) ?? planContent(state, seen);
    case "Failed":
      return undefined;
  }
}

function planCreate(state: NodeState, seen: Observed): Step {
  const { clone_of: source } = state;
  if (source !== null && seen.directory) return { kind: "copy_data", source: source.node, stop: source.stop };
  return planContent(state, seen) ?? { kind: "finish_create" };
}

/** Directory, root file system and plugin: there as long as the node exists, running or not. */
function planContent(state: NodeState, seen: Observed): Step | undefined {
  const { rootfs, digest, uri } = state.image;
  if (!seen.directory || hasOtherSize(state)) return { kind: "prepare_directory" };
  if (digest === "") return { kind: "pull_image", uri };
  if (seen.rootfs !== rootfs) {
    return seen.container === "off"
      ? { kind: "mount_rootfs", rootfs, digest, uri }
      : { kind: "stop_container", force: true };
  }
  if (seen.plugin !== rootfs) return { kind: "load_plugin", rootfs };
  return undefined;
}

function hasOtherSize({ space, vm_config: { disk_size_gb: gb } }: NodeState): boolean {
  return space.kind !== "shared" && space.gb !== gb;
}

function planUp(state: NodeState, seen: Observed): Step | undefined {
  if (seen.engine === "closed") return { kind: "serve_engine" };
  if (seen.network === "absent") {
    // A container without its network never gets it back: its namespace is gone.
    return seen.container === "off" ? { kind: "set_up_network" } : { kind: "stop_container", force: true };
  }
  if (seen.firewall === "unknown") return { kind: "apply_firewall" };
  if (seen.container === "off") return { kind: "start_container" };
  switch (seen.agent) {
    case "off":
    case "lost":
      return { kind: "start_agent" };
    case "unconfigured":
    case "shutting_down":
    case "shut_down":
      return { kind: "configure_agent" };
    case "ready":
      if (state.reconfigure) return { kind: "configure_agent" };
  }
  if (!state.initialized) return { kind: "initialize" };
  if (state.services_dirty) return { kind: "renew_services" };
  if (state.config_dirty) return { kind: "apply_config" };
  if (state.uploading) return { kind: "resume_services" };
  if (state.started_at === null) return { kind: "mark_started" };
  return undefined;
}

function planDown(state: NodeState, seen: Observed, force = state.force): Step | undefined {
  if (seen.container === "running") {
    // Jobs end as their definitions say, which only the agent can do; without it they would just be killed.
    if (seen.agent === "off" && !force) return { kind: "start_agent" };
    // An earlier daemon may have begun: babel ends what it was told first, and jobs have their whole time (spec C10).
    if (seen.agent === "ready" || seen.agent === "shutting_down") return { kind: "stop_jobs", force };
    return { kind: "stop_container", force };
  }
  if (seen.engine === "served") return { kind: "close_engine" };
  if (seen.network === "present") return { kind: "tear_down_network" };
  return undefined;
}

function planDelete(state: NodeState, seen: Observed): Step {
  const down = planDown(state, seen, true);
  if (down) return down;
  if (seen.rootfs !== undefined) return { kind: "unmount_rootfs" };
  return { kind: "discard" };
}

function planUpgrade(state: NodeState, upgrade: NonNullable<NodeState["upgrade"]>, seen: Observed): Step | undefined {
  const settle = (): Step | undefined =>
    upgrade.was_running
      ? (planContent(state, seen) ?? planUp(state, seen))
      : (planDown(state, seen) ?? planContent(state, seen));
  switch (upgrade.stage) {
    case "prepare":
      if (upgrade.target.image.digest === "") return { kind: "pull_target", uri: upgrade.target.image.uri };
      if (!upgrade.checked) return { kind: "check_target", uri: upgrade.target.image.uri };
      // Which jobs are in the way, only babel knows.
      if (seen.container === "running" && seen.agent === "off") return { kind: "start_agent" };
      return { kind: "begin_switch" };
    case "stop":
      return planDown(state, seen) ?? { kind: "switch_content" };
    case "apply":
      return (
        settle() ??
        (upgrade.was_running && upgrade.watch !== null ? { kind: "watch_health" } : { kind: "finish_upgrade" })
      );
    case "back_stop":
      return planDown(state, seen, state.force || upgrade.need_rollback !== null) ?? { kind: "switch_back" };
    case "back_apply":
      return settle() ?? { kind: "finish_rollback" };
  }
}

/** Whether the node is on its way down, so that a babel that cannot be reached must not hold it up. */
export function isGoingDown(state: NodeState): boolean {
  if (state.expected_status === "Deleted" || state.restarting || state.paused || state.move !== null) return true;
  if (state.upgrade !== null) {
    const { stage, was_running: goesUp } = state.upgrade;
    return stage === "stop" || stage === "back_stop" || (!goesUp && stage !== "prepare");
  }
  return state.expected_status === "Stopped";
}
