/** What the control plane needs of an MQTT broker, embedded or not. Delivery is QoS 1. */
export interface Broker {
  /** what hosts are told to connect to: `mqtt://…`, `mqtts://…`, `ws://…`, `wss://…` */
  readonly url: string;
  readonly kind: "embedded" | "external";
  connected(): boolean;
  /** Resolves when the broker has the message. */
  publish(topic: string, payload: Uint8Array): Promise<void>;
  close(): Promise<void>;
}

/** Called with every message on a host's status topic. */
export type OnHostStatus = (hostId: string, payload: Uint8Array) => void;

const uuid = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}";
const statusPattern = new RegExp(`^/bv/hosts/(${uuid})/status$`);

export const hostOfStatusTopic = (topic: string): string | undefined => statusPattern.exec(topic)?.[1];

/** Topics of spec §3.7. */
export const topics = {
  hostCommands: (hostId: string) => `/hosts/${hostId}/commands`,
  commandOfNode: (hostId: string, nodeId: string) => [
    `/hosts/${hostId}/commands`,
    `/hosts/${hostId}/nodes/${nodeId}/commands`,
    `/nodes/${nodeId}/commands`,
  ],
  host: (hostId: string) => [`/hosts/${hostId}`],
  node: (hostId: string, orgId: string, nodeId: string) => [
    `/orgs/${orgId}/nodes`,
    `/hosts/${hostId}/nodes`,
    `/nodes/${nodeId}`,
  ],
  org: (orgId: string) => [`/orgs/${orgId}`],
} as const;

export type TopicOwner = { readonly kind: "org" | "host" | "node"; readonly id: string };

const ownerPattern = new RegExp(`^/(org|host|node)s/(${uuid})(?:/.*)?$`);

/** Whose a topic (or filter) is. A wildcard is allowed only below the owner's own prefix. */
export function topicOwner(filter: string): TopicOwner | undefined {
  const match = ownerPattern.exec(filter);
  return match === null ? undefined : { kind: match[1] as TopicOwner["kind"], id: match[2] ?? "" };
}
