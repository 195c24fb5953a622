import { readFileSync, readlinkSync } from "node:fs";

/** How far a process is held apart from the machine, as the kernel says. */
interface Isolation {
  /** First id of the machine that its ids are; absent: it has the machine's own. */
  readonly userIdBase?: number;
  readonly seccomp: boolean;
  readonly noNewPrivileges: boolean;
  /** `CAP_…`, of what root in there can have. */
  readonly capabilities: readonly string[];
  readonly hostNetwork: boolean;
}

/** `undefined`: it ended. */
export function isolationOf(pid: number): Isolation | undefined {
  try {
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    const value = (name: string): string => new RegExp(`^${name}:\\s*(\\S+)`, "m").exec(status)?.[1] ?? "0";
    const [, base = "0"] = readFileSync(`/proc/${pid}/uid_map`, "utf8").trim().split(/\s+/);
    return {
      ...(base === "0" ? {} : { userIdBase: Number(base) }),
      seccomp: value("Seccomp") === "2",
      noNewPrivileges: value("NoNewPrivs") === "1",
      capabilities: capabilitiesIn(value("CapBnd")),
      hostNetwork: readlinkSync(`/proc/${pid}/ns/net`) === readlinkSync("/proc/self/ns/net"),
    };
  } catch {
    return undefined;
  }
}

/** What this process can have itself: nothing that it starts can have more. */
export function ownCapabilities(): readonly string[] {
  return capabilitiesIn(/^CapBnd:\s*(\S+)/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1] ?? "0");
}

function capabilitiesIn(hex: string): readonly string[] {
  const bits = BigInt(`0x${hex}`);
  return NAMES.flatMap((name, number) => ((bits >> BigInt(number)) & 1n ? [`CAP_${name}`] : []));
}

/** By number, capability.h. */
const NAMES = [
  ...["CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP"],
  ...["LINUX_IMMUTABLE", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN", "NET_RAW", "IPC_LOCK", "IPC_OWNER"],
  ...["SYS_MODULE", "SYS_RAWIO", "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT", "SYS_ADMIN", "SYS_BOOT", "SYS_NICE"],
  ...["SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "MKNOD", "LEASE", "AUDIT_WRITE", "AUDIT_CONTROL", "SETFCAP"],
  ...["MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG", "WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ", "PERFMON", "BPF"],
  "CHECKPOINT_RESTORE",
];
