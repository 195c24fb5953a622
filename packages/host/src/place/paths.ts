import { join } from "node:path";

/** Every path of the host, under BV_ROOT (spec host-daemon §1.5). */
export interface HostPaths {
  readonly root: string;
  readonly config: string;
  /** Tokens, 0600; never in blockvisor.json once the daemon has written them. */
  readonly auth: string;
  /** Values for `get_secret` of dev nodes, 0600: one JSON object, key → text. */
  readonly devSecrets: string;
  /** Logins of container registries, 0600, as `skopeo login --authfile` writes them. */
  readonly registryLogin: string;
  /** Settings of the kernel that nodes need, for the machine's start. */
  readonly sysctl: string;
  readonly var: string;
  readonly nodes: string;
  readonly trash: string;
  /** Space for states on a full disk. */
  readonly ballast: string;
  /** What is kept of deleted nodes for a while. */
  readonly history: string;
  readonly images: string;
  readonly commands: string;
  /** What was done without the API, until it knows. */
  readonly emergencies: string;
  readonly runDirectory: string;
  readonly socket: string;
  /** Where metrics are read, `/metrics`. */
  readonly metricsSocket: string;
}

export function hostPaths(root: string): HostPaths {
  const state = join(root, "var/lib/blockvisor");
  return {
    root,
    config: join(root, "etc/blockvisor.json"),
    auth: join(state, "auth.json"),
    devSecrets: join(root, "etc/blockvisor-dev-secrets.json"),
    registryLogin: join(root, "etc/blockvisor-registries.json"),
    sysctl: join(root, "etc/sysctl.d/90-blockvisor.conf"),
    var: state,
    nodes: join(state, "nodes"),
    trash: join(state, "nodes/.trash"),
    ballast: join(state, "nodes/.ballast"),
    history: join(state, "history"),
    images: join(state, "images"),
    commands: join(state, "commands.json"),
    emergencies: join(state, "emergencies.json"),
    runDirectory: join(root, "run/blockvisor"),
    socket: join(root, "run/blockvisor/blockvisord.sock"),
    metricsSocket: join(root, "run/blockvisor/metrics.sock"),
  };
}

/** Every path of one node (spec host-daemon §1.5). */
export interface NodePaths {
  readonly id: string;
  readonly directory: string;
  /** /var/lib/blockvisor/<id> → nodes/<id>, the path the guide prints. */
  readonly link: string;
  readonly state: string;
  readonly data: string;
  /** Where data and changes of the root lie that the kernel keeps to a size. */
  readonly space: string;
  readonly rootfs: string;
  /** Runtime state: sockets of babel and engine, container records. */
  readonly run: string;
  readonly babelSocket: string;
  readonly engineSocket: string;
  /** Secret and identity of the node's babel. */
  readonly agentRecord: string;
  /** Output of a babel that was started later than its container. */
  readonly agentLog: string;
  /** Output of the container's first process and of the babel that it starts. */
  readonly containerLog: string;
  readonly pluginData: string;
  readonly pluginConfig: string;
  /** Of a dev node: a file for each secret that its plugin put. */
  readonly secrets: string;
  readonly tasks: string;
  /** What happened to the node. */
  readonly events: string;
  /** A new image's container beside the node's, while it is checked. */
  readonly check: string;
}

/** The runtime's name for the container that checks a new image of a node. */
export function checkIdOf(nodeId: string): string {
  return `check-${nodeId}`;
}

/** Directory of a container: that of its node, or the one in it where a new image is checked. */
export function containerDirectory(host: HostPaths, containerId: string): string {
  const checked = /^check-(.+)$/.exec(containerId)?.[1];
  return checked === undefined ? nodePaths(host, containerId).directory : nodePaths(host, checked).check;
}

export function nodePaths(host: HostPaths, id: string): NodePaths {
  const directory = join(host.nodes, id);
  return {
    id,
    directory,
    link: join(host.var, id),
    state: join(directory, "state.json"),
    data: join(directory, "data"),
    space: join(directory, "space"),
    rootfs: join(directory, "rootfs"),
    run: join(directory, "run"),
    babelSocket: join(directory, "run/babel.sock"),
    engineSocket: join(directory, "run/engine.sock"),
    agentRecord: join(directory, "agent.json"),
    agentLog: join(directory, "babel.log"),
    containerLog: join(directory, "container.log"),
    pluginData: join(directory, "plugin.data"),
    secrets: join(directory, "secrets"),
    pluginConfig: join(directory, "plugin_config.json"),
    tasks: join(directory, "tasks.json"),
    events: join(directory, "events.jsonl"),
    check: join(directory, "check"),
  };
}
