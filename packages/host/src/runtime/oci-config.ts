import { readFileSync } from "node:fs";
import { capabilitiesOf } from "./capabilities.ts";
import type { ContainerSpec, InteractiveSpec } from "./container-runtime.ts";
import { hostDevices } from "./host-devices.ts";
import { hostNameOf } from "./host-files.ts";
import { MASKED_PATHS, READ_ONLY_PATHS } from "./kernel-paths.ts";
import type { OwnIds } from "./own-ids.ts";
import { seccompProfile } from "./seccomp-profile.ts";

const SAFE = ["nosuid", "noexec", "nodev"];

const MOUNTS = [
  { destination: "/proc", type: "proc", source: "proc", options: SAFE },
  {
    destination: "/dev",
    type: "tmpfs",
    source: "tmpfs",
    options: ["nosuid", "strictatime", "mode=755", "size=65536k"],
  },
  {
    destination: "/dev/pts",
    type: "devpts",
    source: "devpts",
    options: ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"],
  },
  { destination: "/dev/shm", type: "tmpfs", source: "shm", options: [...SAFE, "mode=1777", "size=65536k"] },
  { destination: "/dev/mqueue", type: "mqueue", source: "mqueue", options: SAFE },
];

const SYSTEM = [
  { destination: "/sys", type: "sysfs", source: "sysfs", options: [...SAFE, "ro"] },
  { destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options: [...SAFE, "relatime", "ro"] },
];

const WRITABLE_SYSTEM = SYSTEM.map(({ options, ...mount }) => ({
  ...mount,
  options: options.filter((option) => option !== "ro"),
}));

/** `config.json` of the OCI runtime specification for a node's container. */
export function ociConfig(
  spec: ContainerSpec,
  host: { readonly cgroup: string; readonly resolvConf: string; readonly hosts: string },
  own?: OwnIds,
): object {
  const namespaces = ["pid", "mount", "ipc", "uts", "cgroup", ...(own ? ["user"] : [])];
  // With ids of its own the tool is started in the network, and the container inherits it.
  const network = spec.network.kind === "host" || own ? [] : [{ type: "network", path: spec.network.path }];
  const { rootfs, mounts } = own ?? spec;
  const { resolvConf, hosts } = own ?? host;
  return {
    ociVersion: "1.0.2",
    process: ociProcess(spec, { argv: spec.init, env: spec.env }),
    root: { path: rootfs, readonly: false },
    hostname: hostNameOf(spec.hostname),
    mounts: [
      ...MOUNTS,
      ...(own?.system ?? (spec.privileged ? WRITABLE_SYSTEM : SYSTEM)),
      bind(resolvConf, "/etc/resolv.conf", true),
      bind(hosts, "/etc/hosts", false),
      ...mounts.map(({ source, destination, readOnly }) => bind(source, destination, readOnly)),
      ...spec.ramdisks.map(({ mountPoint, sizeMb }) => ({
        destination: mountPoint,
        type: "tmpfs",
        source: "tmpfs",
        options: ["nosuid", "nodev", `size=${sizeMb * 1_000_000}`],
      })),
    ],
    linux: {
      namespaces: [...namespaces.map((type) => ({ type })), ...network],
      ...(own ? { uidMappings: own.mappings, gidMappings: own.mappings } : {}),
      cgroupsPath: `/${host.cgroup}`,
      // Memory, cores and processes are limited by our own cgroups module, the same for every runtime.
      resources: { devices: [{ allow: spec.privileged ?? false, access: "rwm" }] },
      ...(spec.privileged
        ? { devices: hostDevices() }
        : { maskedPaths: MASKED_PATHS, readonlyPaths: READ_ONLY_PATHS, seccomp: seccompProfile("oci") }),
    },
  };
}

/** `process` of the specification. No rlimits: machines may lack CAP_SYS_RESOURCE, and the cgroup bounds what matters. */
export function ociProcess(
  spec: Pick<ContainerSpec, "privileged">,
  command: Pick<InteractiveSpec, "argv" | "env" | "cwd" | "terminal">,
): object {
  const capabilities = capabilitiesOf(spec);
  const { terminal } = command;
  return {
    terminal: terminal !== undefined,
    ...(terminal ? { consoleSize: { height: terminal.rows, width: terminal.columns } } : {}),
    user: { uid: 0, gid: 0 },
    args: command.argv,
    env: Object.entries({ PATH: DEFAULT_PATH, ...command.env }).map(([name, value]) => `${name}=${value}`),
    cwd: command.cwd ?? "/",
    noNewPrivileges: !spec.privileged,
    oomScoreAdj: containerOomScore(),
    capabilities: { bounding: capabilities, effective: capabilities, permitted: capabilities },
  };
}

/** The daemon is protected from the kernel's memory killer; what it starts must not inherit that. Lowering would need a capability. */
function containerOomScore(): number {
  return Math.max(0, Number(readFileSync("/proc/self/oom_score_adj", "utf8")));
}

const DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

function bind(source: string, destination: string, readOnly: boolean): object {
  return { destination, type: "bind", source, options: ["rbind", "rprivate", ...(readOnly ? ["ro"] : [])] };
}
