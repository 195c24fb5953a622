/** One thing the host can do to bring a node closer to what it should be. Every step may be repeated and may be cut anywhere. */
export type Step =
  | { readonly kind: "prepare_directory" }
  | { readonly kind: "pull_image"; readonly uri: string }
  | { readonly kind: "mount_rootfs"; readonly rootfs: string; readonly digest: string; readonly uri: string }
  | { readonly kind: "unmount_rootfs" }
  | { readonly kind: "load_plugin"; readonly rootfs: string }
  /** The data of the node that this one is a clone of. */
  | { readonly kind: "copy_data"; readonly source: string; readonly stop: boolean }
  | { readonly kind: "finish_create" }
  | { readonly kind: "serve_engine" }
  | { readonly kind: "close_engine" }
  | { readonly kind: "set_up_network" }
  | { readonly kind: "tear_down_network" }
  | { readonly kind: "apply_firewall" }
  | { readonly kind: "start_container" }
  | { readonly kind: "stop_container"; readonly force: boolean }
  | { readonly kind: "start_agent" }
  | { readonly kind: "configure_agent" }
  | { readonly kind: "stop_jobs"; readonly force: boolean }
  | { readonly kind: "initialize" }
  /** What changed parameters, or another name, mean for a node that is initialized. */
  | { readonly kind: "renew_services" }
  /** What edited scripts mean. */
  | { readonly kind: "apply_config" }
  /** What an upload stopped that did not end in order. */
  | { readonly kind: "resume_services" }
  | { readonly kind: "mark_started" }
  /** A restart has reached the bottom and goes up again. */
  | { readonly kind: "turn_around" }
  | { readonly kind: "pull_target"; readonly uri: string }
  /** What can be known of the new image before anything is stopped for it. */
  | { readonly kind: "check_target"; readonly uri: string }
  | { readonly kind: "begin_switch" }
  | { readonly kind: "switch_content" }
  | { readonly kind: "watch_health" }
  | { readonly kind: "finish_upgrade" }
  | { readonly kind: "switch_back" }
  | { readonly kind: "finish_rollback" }
  | { readonly kind: "move_data" }
  /** The directory goes to the trash; the last step of a deletion. */
  | { readonly kind: "discard" };

export type StepKind = Step["kind"];

/** What people read while a step runs. */
export const stepTitles = {
  prepare_directory: "preparing the node's directory",
  pull_image: "fetching the image",
  mount_rootfs: "mounting the root file system",
  unmount_rootfs: "unmounting the root file system",
  load_plugin: "loading the plugin",
  copy_data: "copying the data",
  finish_create: "recording the node",
  serve_engine: "opening the engine socket",
  close_engine: "closing the engine socket",
  set_up_network: "setting up the network",
  tear_down_network: "taking down the network",
  apply_firewall: "applying firewall rules",
  start_container: "starting the container",
  stop_container: "stopping the container",
  start_agent: "starting babel",
  configure_agent: "configuring babel",
  stop_jobs: "stopping jobs",
  initialize: "running init",
  renew_services: "starting services with changed parameters",
  apply_config: "starting services that plugin_config says otherwise",
  resume_services: "starting services that an upload stopped",
  mark_started: "recording the start",
  turn_around: "starting again",
  pull_target: "fetching the new image",
  check_target: "checking the new image",
  begin_switch: "checking for jobs that block the upgrade",
  switch_content: "switching to the new version",
  watch_health: "watching whether the new version stays healthy",
  finish_upgrade: "finishing the upgrade",
  switch_back: "going back to the old version",
  finish_rollback: "finishing the rollback",
  move_data: "moving the data",
  discard: "removing the node",
} as const satisfies Record<StepKind, string>;
