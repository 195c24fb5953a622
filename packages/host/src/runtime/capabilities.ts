import type { ContainerSpec } from "./container-runtime.ts";
import { ownCapabilities } from "./isolation.ts";

/**
 * What root in a container may do, for every runtime alike. It is what container engines give by default, without
 *
 * - NET_RAW: packet sockets pass by the node's firewall in both directions (`ping` works without it: the network module opens
 *   ICMP sockets to everyone);
 * - MKNOD: no device is reachable anyway;
 *
 * and, like theirs, without NET_ADMIN (the firewall lives in the node's own network namespace), SYS_ADMIN and the rest.
 */
const CONTAINER_CAPABILITIES: readonly string[] = [
  "CAP_AUDIT_WRITE",
  "CAP_CHOWN",
  "CAP_DAC_OVERRIDE",
  "CAP_FOWNER",
  "CAP_FSETID",
  "CAP_KILL",
  "CAP_NET_BIND_SERVICE",
  "CAP_SETFCAP",
  "CAP_SETGID",
  "CAP_SETPCAP",
  "CAP_SETUID",
  "CAP_SYS_CHROOT",
];

export function capabilitiesOf({ privileged }: Pick<ContainerSpec, "privileged">): readonly string[] {
  return privileged ? ownCapabilities() : CONTAINER_CAPABILITIES;
}
