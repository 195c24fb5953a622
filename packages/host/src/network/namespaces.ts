import type { ToolOptions } from "@blockvisor/image/container";
import { failpoint } from "../durable/index.ts";
import { launchTool } from "../launcher/index.ts";
import { systemCalls } from "../launcher/system-calls.ts";

/**
 * Makes namespace $name as `ip netns add` does, says so, and becomes `ip` with the batch $links in it, where HOST stands for the machine's own
 * namespace: one process instead of six. Settings of the node's own network: ICMP sockets and low ports for everyone (containers have no
 * NET_RAW), no address but those given, and the kernel announces the node's address by itself (spec host-daemon DB-5.11).
 */
const MAKE = String.raw`
  use strict;
  my ($name, $numbers, $links) = @ARGV;
  my %number = split /[=,]/, $numbers;
  my ($directory, $empty) = ("/run/netns", "");
  my ($new_network, $exclusive, $bind, $shared) = (0x40000000, 2, 0x1000, 0x104000);
  sub mounted {
    my ($source, $target, $flags) = @_;
    return syscall($number{mount}, $source, $target, $empty, $flags, $empty) == 0;
  }
  mkdir $directory, 0755;
  open my $lock, "<", $directory or die "$directory: $!\n";
  flock $lock, $exclusive;
  # Who has mounts of his own sees later namespaces, too.
  if (!mounted($empty, $directory, $shared)) {
    mounted($directory, $directory, $bind) && mounted($empty, $directory, $shared) or die "$directory: $!\n";
  }
  close $lock;
  # O_RDONLY | O_CREAT | O_EXCL
  sysopen my $place, "$directory/$name", 0xc0, 0000 or die "$directory/$name: $!\n";
  close $place;
  syscall($number{unshare}, $new_network) == 0 or die "unshare: $!\n";
  mounted("/proc/self/ns/net", "$directory/$name", $bind) or die "$directory/$name: $!\n";
  syswrite STDOUT, "made\n";
  sub setting {
    open my $file, ">", "/proc/sys/net/$_[0]" or die "$_[0]: $!\n";
    syswrite $file, $_[1] or die "$_[0]: $!\n";
  }
  setting("ipv4/ping_group_range", "0 2147483647");
  setting("ipv4/ip_unprivileged_port_start", "0");
  setting("ipv4/conf/default/arp_notify", "1");
  if (-d "/proc/sys/net/ipv6") {
    setting("ipv6/conf/default/accept_ra", "0");
    setting("ipv6/conf/default/ndisc_notify", "1");
  }
  my $home = getppid;
  $links =~ s/\bHOST\b/$home/g;
  pipe my $batch, my $into or die "pipe: $!\n";
  syswrite $into, $links;
  close $into;
  open STDIN, "<&", $batch;
  exec "ip", "-batch", "-" or die "ip: $!\n";`;

const ENTER = String.raw`
  use strict;
  my ($tool, $numbers, $path) = splice @ARGV, 0, 3;
  my %number = split /[=,]/, $numbers;
  open my $network, "<", $path or die "$path: $!\n";
  syscall($number{setns}, fileno $network, 0x40000000) == 0 or die "$path: $!\n";
  exec { $tool } $tool, @ARGV or die "$tool: $!\n";`;

/** Both settle with the same error, each for whoever needs it. */
export interface NamespaceInTheMaking {
  /** Resolves when it can be entered. */
  readonly made: Promise<void>;
  readonly links: Promise<void>;
}

/** @param links commands for `ip` inside; HOST stands for the machine's own namespace; every word was checked */
export function makeNamespace(name: string, links: readonly string[]): NamespaceInTheMaking {
  const { promise: said, resolve } = Promise.withResolvers<void>();
  const text = links.map((line) => `${line}\n`).join("");
  const making = launchTool("perl", [`-e${MAKE}`, name, systemCalls(), text], { onLine: () => resolve() }).then(
    () => {},
  );
  const made = Promise.race([said, making]).then(() => failpoint("network.made"));
  for (const promise of [made, making]) promise.catch(() => {});
  return { made, links: making };
}

/** As `launchTool`, in a network namespace. */
export function launchInNetwork(path: string, tool: string, args: readonly string[], options: ToolOptions) {
  return launchTool("perl", [`-e${ENTER}`, tool, systemCalls(), path, ...args], options);
}
