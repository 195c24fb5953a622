import { systemCalls } from "../launcher/system-calls.ts";

/**
 * What mount(8) cannot do before util-linux 2.39, in the language that every Debian and Ubuntu has: mounts that show a tree's files with other
 * owners (idmapped mounts, see mount_setattr(2)). One process per call. Everything it needs on the way is in a mount namespace of its own, so
 * that it leaves nothing when it is killed.
 *
 *     overlay NUMBERS BASE STAGE FOLDER NAME TARGET LOWER...   an overlay on the LOWERs, lowest first, with FOLDER's upper and work, all shown mapped;
 *                                                              TARGET empty: only tried
 *     enter NUMBERS BASE STAGE NETNS JOIN HIDDEN USERS PORTS (KIND SOURCE PLACE)... -- COMMAND...   COMMAND in that network, with trees at PLACE, below STAGE
 *                                                            or absolute; it joins by the files JOIN, one a line, and sees nothing in HIDDEN (empty:
 *                                                            neither); it is root of a user namespace with the range, USERS: `new` or the path of one;
 *                                                            processes in the cgroup PORTS (version 2) may have ports below 1024
 *     ports NUMBERS BASE FOLDER                              whether that can be had for a cgroup; FOLDER, which is made, is one for a moment
 *     try NUMBERS BASE FOLDER                                whether FOLDER can be shown mapped
 *
 * KIND is `map`, `try-map` (mapped where that works), `as-is`, or a new file system: `sysfs` (no source), `tmpfs` (SOURCE: bytes; the range's).
 */
const SCRIPT = String.raw`
use strict;
my ($verb, $numbers, $base) = splice @ARGV, 0, 3;
my %number = split /[=,]/, $numbers;
my $empty = "";
sub call {
  my ($name, @arguments) = @_;
  my $result = syscall $number{$name}, @arguments;
  $result == -1 and die "$name: $!\n";
  return $result;
}
# A user namespace with the node's range: it exists as long as it is open here, its process ends at once.
my $ranges = "0 $base 65536\n";
# Who works on the machine may put files there, too: the one id that the container does not have stands for its root.
$ranges .= "65536 0 1\n" if $verb eq "overlay";
sub users {
  pipe my $ready, my $say or die "pipe: $!\n";
  pipe my $wait, my $go or die "pipe: $!\n";
  my $child = fork() // die "fork: $!\n";
  if (!$child) {
    close $ready; close $go;
    syscall($number{unshare}, 0x10000000) == 0 and syswrite $say, "x";
    sysread $wait, my $end, 1;
    syscall $number{exit_group}, 0;
  }
  close $say; close $wait;
  sysread($ready, my $said, 1) or die "unshare: user namespaces are not allowed here\n";
  for my $kind ("uid", "gid") {
    open my $map, ">", "/proc/$child/" . $kind . "_map" or die "$kind" . "_map: $!\n";
    syswrite $map, $ranges or die "$kind" . "_map: $!\n";
  }
  open my $users, "<", "/proc/$child/ns/user" or die "ns/user: $!\n";
  close $go;
  waitpid $child, 0;
  return $users;
}
my $users = users();
sub tree {
  my ($path, $mapped) = @_;
  my $tree = call("open_tree", -100, $path, 0x88001);
  call("mount_setattr", $tree, $empty, 0x9000, pack("QQQQ", 0x100000, 0, 0, fileno $users), 32) if $mapped;
  return $tree;
}
sub attach { call("move_mount", $_[0], $empty, -100, $_[1], 4) }
sub stage {
  my ($stage) = @_;
  call("unshare", 0x20000);
  call("mount", $empty, "/", $empty, 0x84000, $empty);
  call("mount", "tmpfs", $stage, "tmpfs", 6, "mode=755,size=1m");
  chdir $stage or die "$stage: $!\n";
  umask 022;
}
# Ports below 1024 are for root of the network's own user namespace; but a program of the cgroup's may let a bind() pass (Linux 5.12).
sub ports {
  my ($folder) = @_;
  opendir my $cgroup, $folder or die "$folder: $!\n";
  # r0 = 3: allowed, without the capability; exit. From uapi/linux/bpf.h: BPF_PROG_LOAD of type CGROUP_SOCK_ADDR, BPF_PROG_ATTACH.
  my ($program, $license) = (pack("CCslCCsl", 0xb7, 0, 0, 3, 0x95, 0, 0, 0), "GPL\0");
  for my $bind (8, 9) {
    my $loaded = pack("LLPPLLQLLx16LL", 18, 2, $program, $license, 0, 0, 0, 0, 0, 0, $bind);
    my $attached = pack("LLLL", fileno $cgroup, call("bpf", 5, $loaded, length $loaded), $bind, 0);
    call("bpf", 8, $attached, length $attached);
  }
}
if ($verb eq "try") {
  tree($_, 1) for @ARGV;
} elsif ($verb eq "ports") {
  mkdir $ARGV[0];
  eval { ports($ARGV[0]) };
  my $problem = $@;
  rmdir $ARGV[0];
  die $problem if $problem;
} elsif ($verb eq "overlay") {
  my ($stage, $folder, $name, $target) = splice @ARGV, 0, 4;
  my $own = tree($folder, 1);
  my @below = map { tree($_, 1) } @ARGV;
  open my $home, "<", "/proc/self/ns/mnt" or die "ns/mnt: $!\n";
  stage($stage);
  mkdir $_ or die "mkdir: $!\n" for "merged", $base, "$base/roots", "$base/roots/$name", map { "l$_" } 0 .. $#below;
  attach($below[$_], "l$_") for 0 .. $#below;
  attach($own, "$base/roots/$name");
  my $lowers = join ":", reverse map { "l$_" } 0 .. $#below;
  my $layers = "lowerdir=$lowers,upperdir=$base/roots/$name/upper,workdir=$base/roots/$name/work";
  call("mount", "overlay", "merged", "overlay", 6, $layers);
  if ($target eq "") {
    mkdir "merged/written" or die "it is read-only: $!\n";
    exit;
  }
  my $merged = tree("merged", 0);
  call("setns", fileno $home, 0x20000);
  attach($merged, $target);
} elsif ($verb eq "enter") {
  my ($stage, $network, $join, $hidden, $space, $ports) = splice @ARGV, 0, 6;
  for (split /\n/, $join) {
    open my $processes, ">", $_ or die "$_: $!\n";
    syswrite $processes, "0" or die "$_: $!\n";
  }
  ports($ports) if $ports ne "";
  # What joins a container has the input of its caller.
  if ($space !~ m{^/} && !-c STDIN) {
    # What comes first goes on while the network and the files are made.
    (sysread(STDIN, my $prepared, 1) // 0) > 0 or die "what it needs was not prepared\n";
    open STDIN, "<", "/dev/null" or die "/dev/null: $!\n";
  }
  my @trees;
  while ((my $kind = shift @ARGV) ne "--") {
    my ($source, $place) = splice @ARGV, 0, 2;
    my $tree = $kind =~ /fs$/ ? undef
      : $kind eq "try-map" ? eval { tree($source, 1) } // tree($source, 0)
      : tree($source, $kind eq "map");
    push @trees, [$place, $tree, $kind =~ /fs$/ || -d $source, $kind, $source];
  }
  open my $theirs, "<", $network or die "$network: $!\n";
  call("setns", fileno $theirs, 0x40000000);
  stage($stage);
  call("mount", "tmpfs", $hidden, "tmpfs", 14, "size=64k") if $hidden ne "";
  for (@trees) {
    my ($place, $tree, $isFolder, $kind, $bytes) = @$_;
    if ($place =~ m{^/}) { }
    elsif ($isFolder) { mkdir $place or die "mkdir: $!\n" }
    else { open my $file, ">", $place or die "open: $!\n" }
    if (defined $tree) { attach($tree, $place); next }
    if ($kind eq "sysfs") { call("mount", "sysfs", $place, "sysfs", 15, $empty) }
    else { call("mount", "tmpfs", $place, "tmpfs", 6, "uid=$base,gid=$base,size=$bytes") }
  }
  chdir "/";
  if ($space ne "") {
    open $users, "<", $space or die "$space: $!\n" if $space ne "new";
    call("setns", fileno $users, 0x10000000);
    call("setgroups", 0, 0);
    call("setresgid", 0, 0, 0);
    call("setresuid", 0, 0, 0);
  }
  exec { $ARGV[0] } @ARGV or die "$ARGV[0]: $!\n";
}
`;

type MappedCall =
  | { readonly verb: "try" | "ports"; readonly base: number; readonly folder: string }
  | {
      readonly verb: "overlay";
      readonly base: number;
      readonly stage: string;
      /** Lowest first. */
      readonly lowers: readonly string[];
      /** Holds `upper` and `work`; the mount's options name it `BASE/roots/NAME`. */
      readonly folder: string;
      readonly name: string;
      /** Empty: it is only tried whether it could be written to. */
      readonly target: string;
    }
  | {
      readonly verb: "enter";
      readonly base: number;
      readonly stage: string;
      /** Path of a network namespace. */
      readonly network: string;
      /** `cgroup.procs` of the cgroups that the command joins. */
      readonly join: readonly string[];
      /** Folder that is empty for the command; trees from it are not. */
      readonly hidden?: string;
      /** Whose root the command is: that of a new user namespace with the range, or of one by its path. Without it: the machine's. */
      readonly users?: "new" | `/${string}`;
      /** Folder of a cgroup of version 2 whose processes may have ports below 1024 of a network that is not theirs. */
      readonly ports?: string;
      readonly trees: readonly StagedTree[];
      readonly command: readonly string[];
    };

/** A tree that a command finds at `place`: an absolute path of a folder, or below the stage. */
export interface StagedTree {
  readonly kind: "map" | "try-map" | "as-is" | "sysfs" | "tmpfs";
  /** Empty for a new sysfs, its bytes for a new tmpfs. */
  readonly source: string;
  readonly place: string;
}

/** argv of the process that does it. Error `tool-missing` on an architecture whose numbers nobody has looked up. */
export function mappedMounts(call: MappedCall): readonly [string, ...string[]] {
  return ["perl", `-e${SCRIPT}`, call.verb, systemCalls(), String(call.base), ...operands(call)];
}

function operands(call: MappedCall): readonly string[] {
  switch (call.verb) {
    case "try":
    case "ports":
      return [call.folder];
    case "overlay":
      return [call.stage, call.folder, call.name, call.target, ...call.lowers];
    case "enter":
      return [
        ...[call.stage, call.network, call.join.join("\n"), call.hidden ?? "", call.users ?? "", call.ports ?? ""],
        ...call.trees.flatMap(({ kind, source, place }) => [kind, source, place]),
        ...["--", ...call.command],
      ];
  }
}
