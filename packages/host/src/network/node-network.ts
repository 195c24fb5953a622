/**
 * The nodes' network: one bridge, per node a named network namespace with a veth pair (spec host-daemon §6.1).
 * The namespace belongs to the host, so it outlives containers and daemon; after a reboot `setUp` makes it again.
 * Host-network nodes need none of this. All calls are idempotent and leak nothing.
 *
 * Errors: `network-bridge-invalid`, `network-address-taken` (another node or machine answers for it), `network-address-invalid`,
 * `tool-missing`, `tool-failed`.
 */
export interface NodeNetwork {
  /** Creates the bridge where missing and brings it up with the host's address, if one is given. */
  ensureBridge(bridge: BridgeSpec): Promise<void>;

  /** Removes a bridge that `ensureBridge` made and no node uses; any other is left alone. */
  removeBridge(name: string): Promise<void>;

  /** Who else on the bridge has the address: the host itself, or a machine that answers for it; words for people. */
  holderOf(bridge: string, ip: string): Promise<string | undefined>;

  /** `prepare`, then `connect`. */
  setUp(spec: NodeNetworkSpec): Promise<NodeNetworkHandle>;

  /**
   * Begins to make everything: first the namespace, in which a container can then be started, then the links, which let nothing through
   * yet. What was only prepared counts as absent for the next daemon.
   */
  prepare(spec: NodeNetworkSpec): Promise<NodeNetworkHandle>;

  /** Of a network that was prepared by this daemon and is not connected yet: resolves when a container can be started in it. */
  namespace(nodeId: string): Promise<void> | undefined;

  /**
   * Lets a prepared node talk: once its links are there, its addresses known to be free, and `secure` has done what it does with the links
   * (firewall rules). When one of these fails its network is taken down, and the promise rejects. Not prepared: resolves at once.
   */
  connect(nodeId: string, secure?: () => Promise<void>): Promise<void>;

  /** What is there of the node's network now: `undefined` unless connected, or prepared by this daemon. Cheap: starts no process. */
  inspect(nodeId: string): Promise<NodeNetworkHandle | undefined>;

  /** Addresses that the node has by this installation's record of its network, whether or not it is up; nobody else can get them. */
  addressesOf(nodeId: string): Promise<readonly string[]>;

  /** Makes ports of the machine lead to a node's: exactly these, at once, until its network is taken down. */
  mapPorts(nodeId: string, mapped: MappedPorts): Promise<void>;

  /** Those that are in force. */
  mappedPorts(nodeId: string): Promise<readonly MappedPort[]>;

  /**
   * Brings back what something else has flushed of the bridge's way out and of mapped ports (DB-6.1). `present`: the tables there are.
   * Tells what was missing, in words for people.
   */
  restore(bridge: BridgeSpec, present: ReadonlySet<string>): Promise<readonly string[]>;

  /**
   * Takes down what there is of a node's network; with the last of a bridge (of `bridge` where nothing is known of the node any more) also what lets it
   * reach beyond the machine, unless the node `comesBack`.
   */
  tearDown(nodeId: string, options?: { readonly bridge?: string; readonly comesBack?: boolean }): Promise<void>;

  /** Ids of all nodes that own a namespace or link made by this installation (for cleaning up orphans). */
  list(): Promise<readonly string[]>;
}

export interface BridgeSpec {
  readonly name: string;
  /** Addresses of the host on the bridge, at most one per family; none: the bridge's addresses are left as they are. */
  readonly addresses: readonly BridgeAddress[];
}

interface BridgeAddress {
  /** With prefix, e.g. `10.1.0.1/24`. */
  readonly address: string;
  /** Hides the nodes of the subnet behind the host's address when they talk to others (for machines without a routed subnet). */
  readonly masquerade: boolean;
}

export interface NodeNetworkSpec {
  readonly nodeId: string;
  readonly bridge: string;
  /** IPv4 or IPv6 addresses with prefix; the first is the node's address. */
  readonly addresses: readonly { readonly ip: string; readonly prefix: number }[];
  /** Default gateways, at most one per family. */
  readonly gateways: readonly string[];
}

interface MappedPort {
  readonly protocol: "tcp" | "udp";
  readonly hostPort: number;
  readonly nodePort: number;
}

export interface MappedPorts {
  /** Networks of all nodes, in which answers find their way without the machine. */
  readonly subnets: readonly string[];
  /** Of the node; the first of each family is the one that is led to. */
  readonly addresses: readonly string[];
  readonly ports: readonly MappedPort[];
}

export interface NodeNetworkHandle {
  /** Path for `setns`, goes into `ContainerSpec.network`. */
  readonly namespacePath: string;
  /** The veth end on the bridge. */
  readonly hostInterface: string;
  readonly mac: string;
  readonly addresses: readonly string[];
}
