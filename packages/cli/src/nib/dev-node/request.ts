import { isIP } from "node:net";
import { dirname, resolve } from "node:path";
import type { EffectiveVariant } from "@blockvisor/image";
import { formatContainerUri, parseContainerUri, resolveContainerPath } from "@blockvisor/image/container";
import type { FirewallJson, VmConfigJson } from "@blockvisor/wire/blockvisor/host/v1/host";
import { Failure } from "../../failure/failure.ts";

/** The parts of a dev node that come from babel.yaml and change with it (nib-and-images §5.4, §5.7). */
export interface DevNodeImage {
  readonly imageVersion: string;
  readonly imageUri: string;
  readonly vm: VmConfigJson;
  readonly firewall: FirewallJson;
}

/** `metadataPath` is where relative paths in `container_uri` start. Errors: those of parseContainerUri. */
export function devNodeImage(variant: EffectiveVariant, metadataPath: string): DevNodeImage {
  const uri = parseContainerUri(variant.containerUri);
  const resolved = resolveContainerPath(uri, resolve(dirname(metadataPath)));
  return {
    imageVersion: variant.version,
    // As it was written, unless its path would mean another one to the daemon.
    imageUri:
      formatContainerUri(resolved) === formatContainerUri(uri) ? variant.containerUri : formatContainerUri(resolved),
    vm: {
      cpuCores: variant.minCpu,
      memoryMb: String(variant.minMemoryMb),
      diskGb: String(variant.minDiskGb),
      ramdisks: variant.ramdisks.map(({ mount, sizeMb }) => ({ mount, sizeMb: String(sizeMb) })),
    },
    firewall: {
      defaultIn: variant.firewallConfig.defaultIn,
      defaultOut: variant.firewallConfig.defaultOut,
      rules: variant.firewallConfig.rules.map(({ key, action, direction, protocol, ips, ports }) => ({
        name: key,
        action,
        direction,
        protocol,
        ips: ips.map(({ ip }) => ip),
        ports: ports.map(({ port }) => port),
      })),
    },
  };
}

/** `--ip` and `--gateway`: an address of either family; undefined lets the daemon choose. */
export function address(option: string, text: string | undefined): string {
  if (text === undefined || isIP(text) !== 0) return text ?? "";
  throw new Failure("usage", `'${text}' is not an IP address (${option})`, { hint: "write it like 10.0.0.7" });
}

/** Keys of the properties that people are to type unseen. */
export function secretProperties(variant: EffectiveVariant): string[] {
  return variant.properties.filter(({ ui }) => ui?.kind === "password").map(({ key }) => key);
}
