import { readFileSync } from "node:fs";

/** The name a container sees: `_` becomes `-`, what no host name may hold goes (spec host-daemon §5.4). */
export function hostNameOf(name: string): string {
  const cleaned = name
    .toLowerCase()
    .replace(/[_ ]/g, "-")
    .replace(/[^a-z0-9.-]/g, "")
    .slice(0, 63)
    .replace(/^[-.]+|[-.]+$/g, "");
  return cleaned === "" ? "node" : cleaned;
}

export function hostsFile(hostname: string): string {
  return `127.0.0.1\tlocalhost\n127.0.1.1\t${hostname}\n::1\tlocalhost ip6-localhost ip6-loopback\n`;
}

/**
 * The machine's name servers as a container can use them: systemd-resolved listens on the host's loopback, which a node with its
 * own network does not reach, and keeps the real list beside.
 */
export function resolvConf(): string {
  const text = textOf("/etc/resolv.conf") ?? "";
  if (!/^nameserver\s+127\.0\.0\.53\s*$/m.test(text)) return text;
  return textOf("/run/systemd/resolve/resolv.conf") ?? text;
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
