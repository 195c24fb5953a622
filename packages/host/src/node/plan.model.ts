import { switched, switchedBack } from "./after-failure.ts";
import type { NodeState } from "./node-state.ts";
import type { Observed } from "./observed.ts";
import type { Step } from "./step.ts";

/** A node in the model: what is wanted and what is there. For tests: of the plan, and to know every place where a daemon can be cut. */
export interface World {
  readonly state: NodeState;
  readonly seen: Observed;
}

/** What each step does when it succeeds: the model that the executors have to keep to. */
export function apply({ state, seen }: World, step: Step): World | "gone" {
  const now = (change: Partial<Observed>, desired: Partial<NodeState> = {}): World => ({
    state: { ...state, ...desired },
    seen: { ...seen, ...change },
  });
  switch (step.kind) {
    case "prepare_directory":
      return now({ directory: true }, { space: { ...state.space, gb: state.vm_config.disk_size_gb } });
    case "pull_image":
      return now({}, { image: { ...state.image, digest: "sha256:old", rootfs: "old" } });
    case "mount_rootfs":
      return now({ rootfs: step.rootfs });
    case "unmount_rootfs":
      return now({ rootfs: undefined });
    case "load_plugin":
      return now({ plugin: step.rootfs });
    case "finish_create":
      return now({}, { created: true });
    case "serve_engine":
      return now({ engine: "served" });
    case "close_engine":
      return now({ engine: "closed" });
    case "set_up_network":
      return now({ network: "present", firewall: "unknown" });
    case "tear_down_network":
      return now({ network: "absent", firewall: "unknown" });
    case "apply_firewall":
      return now({ firewall: "applied" });
    case "start_container":
      return now({ container: "running", agent: "off" }, { started_at: null });
    case "stop_container":
      return now({ container: "off", agent: "off" }, { started_at: null });
    case "start_agent":
      // One that takes over from a killed one in the same run of the container knows what that one was told.
      return now({ agent: state.started_at === null ? "unconfigured" : "ready" });
    case "configure_agent":
      return now({ agent: "ready" }, { reconfigure: false });
    case "stop_jobs":
      return now({ agent: "shut_down" });
    case "initialize":
      return now({}, { initialized: true, services_dirty: false, config_dirty: false, uploading: false });
    case "mark_started":
      return now({}, { started_at: 1, provisional: false });
    case "turn_around":
      return now({}, { restarting: false });
    case "pull_target": {
      const upgrade = state.upgrade!;
      const target = { ...upgrade.target, image: { ...upgrade.target.image, digest: "sha256:new", rootfs: "new" } };
      return now({}, { upgrade: { ...upgrade, target } });
    }
    case "begin_switch":
      return now(
        {},
        { upgrade: { ...state.upgrade!, stage: "stop", was_running: state.expected_status === "Running" } },
      );
    case "switch_content":
      return now({}, switched(state, []));
    case "watch_health":
      return now({}, { upgrade: { ...state.upgrade!, watch: null } });
    case "finish_upgrade":
    case "finish_rollback":
      return now({}, { upgrade: null });
    case "switch_back":
      return now({}, switchedBack(state));
    case "copy_data":
      return now({}, { clone_of: null });
    case "renew_services":
      return now({}, { services_dirty: false, config_dirty: false });
    case "apply_config":
      return now({}, { config_dirty: false });
    case "resume_services":
      return now({}, { uploading: false });
    case "check_target":
      return now({}, { upgrade: { ...state.upgrade!, checked: true } });
    case "move_data":
      return now({}, { move: null });
    case "discard":
      return "gone";
  }
}
