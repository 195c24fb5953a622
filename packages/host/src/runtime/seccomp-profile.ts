import type { ContainerRuntime } from "./container-runtime.ts";

/**
 * System calls no container needs and whose kernel code has been the way out of containers. Most need a capability the container
 * does not have; refusing them here keeps the kernel's bugs in them out of reach as well.
 */
const REFUSED: readonly string[] = [
  ...["acct", "add_key", "bpf", "delete_module", "finit_module", "fsconfig", "fsmount", "fsopen", "fspick"],
  ...["init_module", "io_uring_enter", "io_uring_register", "io_uring_setup", "ioperm", "iopl", "kcmp"],
  ...[
    "kexec_file_load",
    "kexec_load",
    "keyctl",
    "lookup_dcookie",
    "mount",
    "mount_setattr",
    "move_mount",
    "nfsservctl",
  ],
  ...["open_by_handle_at", "open_tree", "perf_event_open", "pivot_root", "quotactl", "quotactl_fd", "reboot"],
  ...["request_key", "setns", "swapoff", "swapon", "umount", "umount2", "unshare", "userfaultfd", "vhangup"],
];

/**
 * ioctls of btrfs that make subvolumes and snapshots: what lies in one of a node's own making would not count for the node's quota.
 * The kernel allows them to everybody who may write to a folder.
 */
const SUBVOLUME_CALLS = [0x50009401, 0x5000940e, 0x50009417, 0x50009418];
const INT = 0xffffffff;

const CLONE_NEWUSER = 0x10000000;
const EPERM = 1;
const ENOSYS = 38;

const errno = (errnoRet: number) => ({ action: "SCMP_ACT_ERRNO", errnoRet });

const PTRACE_SETOPTIONS = 0x4200;
const PTRACE_SEIZE = 0x4206;
const PTRACE_O_TRACESECCOMP = 0x80;

/**
 * Apptainer answers every refused call with EPERM, whatever the profile says. What is left to a tracer answers ENOSYS where none listens; so
 * none may.
 */
const UNKNOWN_UNDER_APPTAINER = [
  { names: ["clone3"], action: "SCMP_ACT_TRACE" },
  ...[PTRACE_SETOPTIONS, PTRACE_SEIZE].map((request) => ({
    names: ["ptrace"],
    ...errno(EPERM),
    args: [
      { index: 0, value: request, op: "SCMP_CMP_EQ" },
      { index: 3, value: PTRACE_O_TRACESECCOMP, valueTwo: PTRACE_O_TRACESECCOMP, op: "SCMP_CMP_MASKED_EQ" },
    ],
  })),
];

/** `linux.seccomp` of the OCI runtime specification. */
export function seccompProfile(kind: ContainerRuntime["kind"]): object {
  return {
    defaultAction: "SCMP_ACT_ALLOW",
    architectures:
      process.arch === "arm64"
        ? ["SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"]
        : ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"],
    syscalls: [
      { names: REFUSED, ...errno(EPERM) },
      {
        names: ["clone"],
        ...errno(EPERM),
        args: [{ index: 0, value: CLONE_NEWUSER, valueTwo: CLONE_NEWUSER, op: "SCMP_CMP_MASKED_EQ" }],
      },
      ...SUBVOLUME_CALLS.map((call) => ({
        names: ["ioctl"],
        ...errno(EPERM),
        args: [{ index: 1, value: INT, valueTwo: call, op: "SCMP_CMP_MASKED_EQ" }],
      })),
      // Its flags are behind a pointer that seccomp cannot read; libraries fall back to clone when it does not exist.
      ...(kind === "oci" ? [{ names: ["clone3"], ...errno(ENOSYS) }] : UNKNOWN_UNDER_APPTAINER),
    ],
  };
}
