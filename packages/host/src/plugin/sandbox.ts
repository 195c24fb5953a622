import { OperationError } from "@blockvisor/image/container";

/**
 * Becomes a program that has nothing but its pipes (spec host-daemon S6): a file system of one read-only folder, no network, no way to
 * other processes, a user id of its own, no rights and none to be had, little memory. It dies with its parent. In perl, as
 * `user-namespace/mapped-mounts.ts`, as no tool of util-linux does all of it in one process.
 *
 *     CALLS LIMITS FORBIDDEN PARENT ROOT FIRST_ID [COMMAND...]      without COMMAND it is only tried
 */
const SCRIPT = String.raw`
use strict;
my ($calls, $limits, $forbidden, $parent, $root, $id) = splice @ARGV, 0, 6;
my %number = split /[=,]/, $calls;
my $empty = "";
sub call {
  my ($name, @arguments) = @_;
  syscall($number{$name}, @arguments) == -1 and die "$name: $!\n";
}
sub prctl { call("prctl", @_, (0) x (5 - @_)) }
%ENV = ();
# Whatever the daemon left open.
call("close_range", 3, 0xffffffff, 0);
# The terminal's interrupt is for the daemon, which ends what it has begun.
call("setsid");
# When the machine is short of memory, plugins go first. The daemon is protected, which would be inherited.
if (open my $score, ">", "/proc/self/oom_score_adj") { syswrite $score, "500" }

# Mounts, network, System V and POSIX queues.
call("unshare", 0x20000 | 0x40000000 | 0x8000000);
call("mount", $empty, "/", $empty, 0x44000, $empty);
call("mount", $root, $root, $empty, 0x1000, $empty);
# Read-only, no set-user-id, no devices.
call("mount", $empty, $root, $empty, 0x1027, $empty);
chdir $root or die "$root: $!\n";
call("pivot_root", ".", ".");
call("umount2", ".", 2);
chdir "/";

my %limit = split /[=,]/, $limits;
call("prlimit64", 0, $_ + 0, pack("QQ", ($limit{$_}) x 2), 0) for keys %limit;

# A number of its own: processes of one user may signal each other.
$id += $$ & 0xffff;
for (0 .. 63) { last if syscall($number{prctl}, 24, $_, 0, 0, 0) == -1 }
call("setgroups", 0, 0);
call("setresgid", $id, $id, $id);
call("setresuid", $id, $id, $id);
prctl(38, 1);
# A change of user clears it. Who has no parent any longer missed its end.
prctl(1, 9);
getppid() == $parent or exit 1;

# Seccomp. Of clones only threads are left; without clone3 the C library falls back to clone, whose flags can be seen.
my ($refused, $missing, $allowed) = (0x50001, 0x50026, 0x7fff0000);
my @filter = ([0x20, 0, 0, 4], [0x15, 1, 0, $number{arch}], [0x06, 0, 0, 0x80000000], [0x20, 0, 0, 0]);
push @filter, [0x35, 0, 1, 0x40000000], [0x06, 0, 0, $refused];
push @filter, [0x15, 0, 1, $_], [0x06, 0, 0, $refused] for split /,/, $forbidden;
push @filter, [0x15, 0, 1, $number{clone3}], [0x06, 0, 0, $missing];
push @filter, [0x15, 0, 3, $number{clone}], [0x20, 0, 0, 16], [0x45, 1, 0, 0x10000], [0x06, 0, 0, $refused];
push @filter, [0x06, 0, 0, $allowed];
my $program = join "", map { pack "SCCL", @$_ } @filter;
prctl(22, 2, pack "Sx6P", scalar @filter, $program);

exit unless @ARGV;
exec { $ARGV[0] } @ARGV or die "$ARGV[0]: $!\n";
`;

/** Numbers of system calls, and of the architecture as seccomp has it. */
interface Architecture {
  readonly calls: string;
  /**
   * What a plugin worker never does and others have found ways out with: socket, socketpair, connect, bind, (fork, vfork,) ptrace,
   * process_vm_readv, process_vm_writev, pidfd_open, unshare, setns, bpf, perf_event_open, userfaultfd, io_uring_setup, keyctl, add_key,
   * request_key.
   */
  readonly forbidden: readonly number[];
}

const ARCHITECTURES: Readonly<Partial<Record<NodeJS.Architecture, Architecture>>> = {
  x64: {
    calls:
      "arch=3221225534,mount=165,umount2=166,pivot_root=155,unshare=272,prctl=157,setgroups=116,setresgid=119,setresuid=117," +
      "prlimit64=302,close_range=436,setsid=112,clone=56,clone3=435",
    forbidden: [41, 53, 42, 49, 57, 58, 101, 310, 311, 434, 272, 308, 321, 298, 323, 425, 250, 248, 249],
  },
  arm64: {
    calls:
      "arch=3221225655,mount=40,umount2=39,pivot_root=41,unshare=97,prctl=167,setgroups=159,setresgid=149,setresuid=147," +
      "prlimit64=261,close_range=436,setsid=157,clone=220,clone3=435",
    forbidden: [198, 199, 203, 200, 117, 270, 271, 434, 97, 268, 280, 241, 282, 425, 219, 217, 218],
  },
};

const MIB = 1024 * 1024;

/**
 * By the numbers that the kernel gives them: file size, data (private memory, whoever allocates it; V8 reserves 512 MiB of it for code), stack,
 * core, threads, open files, queues.
 */
const LIMITS = { 1: 0, 2: 1024 * MIB, 3: 32 * MIB, 4: 0, 6: 64, 7: 64, 12: 0 } as const;

/** First of 65,536 user ids that are no container's: they follow the ranges of `user-namespace/id-range.ts`. */
export const FIRST_WORKER_ID = 0x7fff_0000;

/**
 * argv of a process that becomes `command`, a path as seen in `root` and its arguments; without it only whether that could be is found
 * out. Error `tool-missing` on an architecture whose numbers nobody has looked up.
 */
export function sandboxed(root: string, command: readonly string[]): readonly [string, ...string[]] {
  const architecture = ARCHITECTURES[process.arch];
  if (architecture === undefined)
    throw new OperationError("tool-missing", `nobody has looked up the system calls of ${process.arch}`);
  const { calls, forbidden } = architecture;
  const limits = Object.entries(LIMITS).map(([number, most]) => `${number}=${most}`);
  const numbers = [calls, limits.join(","), forbidden.join(",")];
  return ["perl", `-e${SCRIPT}`, ...numbers, String(process.pid), root, String(FIRST_WORKER_ID), ...command];
}
