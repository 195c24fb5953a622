import { type ChildProcess, spawn } from "node:child_process";
import type { Socket } from "node:net";
import { createInterface } from "node:readline";
import { exitFromStatus, type ProcessExit } from "./container-end.ts";
import { bootId, isAlive, type ProcessIdentity } from "./process-identity.ts";

/**
 * When and how processes end that are nobody's children here. A container's first process is collected by the machine's process 1, which
 * tells nobody; babel by its container's.
 */
export interface ExitWatch {
  /** Whether ends are told of on this machine: not without perl, nor by a kernel that has no pidfds (before Linux 5.3). */
  readonly tells: boolean;
  /** Calls it with each watched process as soon as that has ended, unless it was forgotten before. There is one listener. */
  listen(listener: (process: ProcessIdentity) => void): void;
  /** Gets ready, so that the first `watch` costs no more than the others. */
  prepare(): void;
  /** From now on; twice is once. */
  watch(process: ProcessIdentity): void;
  /** Of a process that has ended; undefined when that was not seen. */
  exitOf(process: ProcessIdentity): Promise<ProcessExit | undefined>;
  forget(process: ProcessIdentity): void;
}

/**
 * Reads `PID TICKS` lines and answers each with `PID TICKS STATUS`, once the process has ended; STATUS (as of `wait`) is empty when it is not known.
 * The kernel wakes it up when a process ends, at the same time as its parent: it looks at what is left, and asks the kernel where that is gone
 * (PIDFD_GET_INFO, Linux 6.15; before, who is slower knows nothing). Ends with its input.
 */
const SCRIPT = String.raw`
use strict;
$| = 1;
print "\n";
my (%watched, $pending);
sub stat_of {
  open my $file, "<", "/proc/$_[0]/stat" or return;
  my $line = <$file> // return;
  my @fields = split / /, substr $line, 2 + rindex $line, ")";
  return @fields[0, 19, 49];
}
sub status_of {
  my ($pid, $ticks, $handle) = @_;
  my ($state, $started, $status) = stat_of($pid);
  return $status + 0 if defined $state && $started == $ticks && $state eq "Z";
  my $info = pack "Qx52l", 8, 0;
  ioctl $handle, 0xC040FF0B, $info or return "";
  my ($mask, $code) = unpack "Qx52l", $info;
  return $mask & 8 ? $code : "";
}
for (;;) {
  my $wanted = "";
  vec($wanted, $_, 1) = 1 for 0, keys %watched;
  select(my $ready = $wanted, undef, undef, undef) > 0 or next;
  for my $fd (keys %watched) {
    next unless vec $ready, $fd, 1;
    my ($pid, $ticks, $handle) = @{delete $watched{$fd}};
    print "$pid $ticks ", status_of($pid, $ticks, $handle), "\n";
  }
  next unless vec $ready, 0, 1;
  sysread STDIN, $pending, 65536, length $pending or exit;
  while ($pending =~ s/^(\d+) (\d+)\n//) {
    my ($pid, $ticks) = ($1, $2);
    my $fd = syscall 434, $pid + 0, 0;
    my ($state, $started) = stat_of($pid);
    if ($fd >= 0 && defined $started && $started == $ticks) {
      open my $handle, "<&=", $fd;
      $watched{$fd} = [$pid, $ticks, $handle];
    } else {
      open my $unused, "<&=", $fd if $fd >= 0;
      print "$pid $ticks \n";
    }
  }
}
`;

/** A process that has ended is told of at once: who asks first has seen it in the same moment. */
const ANSWER_MS = 1_000;

interface Watched {
  readonly process: ProcessIdentity;
  readonly exit: Promise<ProcessExit | undefined>;
  readonly settle: (exit: ProcessExit | undefined) => void;
}

/** One process for all containers, which sleeps; it ends with this one. Without perl nothing is seen. */
export function createExitWatch(): ExitWatch {
  const watched = new Map<string, Watched>();
  let watcher: ChildProcess | undefined;
  let tells = true;
  let listener = (_: ProcessIdentity): void => {};

  function start(): ChildProcess {
    const child = spawn("perl", ["-e", SCRIPT], { stdio: ["pipe", "pipe", "ignore"] });
    let works = false;
    const end = (): void => {
      if (watcher === child) watcher = undefined;
      // One that cannot even begin is not started again and again.
      tells &&= works;
      for (const { settle } of watched.values()) settle(undefined);
      watched.clear();
    };
    child.once("error", end);
    child.once("close", end);
    child.stdin.on("error", () => {});
    createInterface({ input: child.stdout }).on("line", (line) => {
      works = true;
      const [pid, ticks, status] = line.split(" ");
      const known = watched.get(`${pid} ${ticks}`);
      if (known === undefined) return;
      if (isAlive(known.process)) tells = false;
      known.settle(status ? exitFromStatus(Number(status)) : undefined);
      if (tells) listener(known.process);
    });
    // It keeps nobody from ending.
    child.unref();
    for (const stream of [child.stdin, child.stdout]) (stream as Socket).unref();
    return child;
  }

  return {
    get tells() {
      return tells;
    },

    listen(next) {
      listener = next;
    },

    prepare() {
      watcher ??= start();
    },

    watch(process) {
      const key = keyOf(process);
      if (!tells || watched.has(key) || process.bootId !== bootId()) return;
      watcher ??= start();
      const { promise: exit, resolve: settle } = Promise.withResolvers<ProcessExit | undefined>();
      watched.set(key, { process, exit, settle });
      watcher.stdin?.write(`${key}\n`);
    },

    async exitOf(process) {
      const known = watched.get(keyOf(process));
      if (known === undefined) return undefined;
      const timer = setTimeout(known.settle, ANSWER_MS, undefined);
      return known.exit.finally(() => clearTimeout(timer));
    },

    forget(process) {
      watched.delete(keyOf(process));
    },
  };
}

function keyOf({ pid, startTicks }: ProcessIdentity): string {
  return `${pid} ${startTicks}`;
}
