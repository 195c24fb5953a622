/**
 * The program that stands between the daemon and one interactive process of a container: whatever that does to its terminal or its streams, it
 * does to something that is there for it alone. Arguments:
 *
 *     NUMBERS OWNER SIZE PLACE PIDFILE COMMAND...
 *
 * OWNER is root of the container. SIZE is `ROWS COLUMNS` of its terminal; empty: it has three pipes. PLACE is a socket at which COMMAND, a
 * container tool, hands over a terminal that it made, or the pid of the container's init: then the terminal is made here, in the container's own
 * devpts. PIDFILE is where a tool that goes away again leaves the pid of what it started; empty: COMMAND stays, and ends as that does.
 *
 * Descriptors 0 to 2 carry what goes in and out, and nothing else; each direction holds 64 KiB at most, and is not read meanwhile.
 * 3: `resize ROWS COLUMNS`, `signal NUMBER` a line; its end hangs up. 4: `started`, then `ended STATUS` (as of wait(2)) or `failed`, which the tool has.
 */
export const SCRIPT = String.raw`
use strict;
my ($numbers, $owner, $size, $place, $pid_file, @command) = @ARGV;
my %number = split /[=,]/, $numbers;
my ($PIDFD_SEND_SIGNAL, $PIDFD_OPEN, $OPENAT2) = (424, 434, 437);
my ($SETFD, $SETFL, $CLOEXEC, $NONBLOCK, $EAGAIN) = (2, 4, 1, 2048, 11);
my ($TIOCSCTTY, $TIOCSWINSZ, $TIOCSPTLCK, $TIOCGPTPEER, $FIONREAD) = (0x540e, 0x5414, 0x40045431, 0x5441, 0x541b);
my $MOST = 65536;
my ($HUP, $KILL, $CONT) = (1, 9, 18);
$SIG{PIPE} = "IGNORE";
open my $orders, "<&=", 3 or exit 1;
open my $report, ">&=", 4 or exit 1;
fcntl $_, $SETFD, $CLOEXEC for $orders, $report;
# What the tool leaves behind becomes a child of this process, which so learns how it ends.
syscall $number{prctl}, 36, 1, 0, 0, 0;

sub handle {
  my ($number) = @_;
  open my $handle, "+<&=", $number or die "open: $!\n";
  return $handle;
}
sub pidfd { my $number = syscall $PIDFD_OPEN, $_[0] + 0, 0; return $number < 0 ? undef : handle($number) }
# Waits until one is ready, or for so many seconds; the result tells of each whether it is.
sub ready {
  my ($seconds, $reads, $writes) = @_;
  my ($readable, $writable) = ("", "");
  vec($readable, fileno $_, 1) = 1 for @$reads;
  vec($writable, fileno $_, 1) = 1 for @$writes;
  ($readable, $writable) = ("", "") if select($readable, $writable, undef, $seconds) < 0;
  return (sub { vec $readable, fileno $_[0], 1 }, sub { vec $writable, fileno $_[0], 1 });
}

my ($door, $terminal, $in, $out, $err, @theirs);
# Made in the container's devpts, without following anything that somebody put there.
sub make_terminal {
  opendir my $root, "/proc/$place/root" or die "the container does not run: $!\n";
  my ($path, $how) = ("dev/pts/ptmx", pack "QQQ", 0x80102, 0, 0xc);
  my $number = syscall $OPENAT2, fileno $root, $path, $how, length $how;
  die "the container has no terminals: $!\n" if $number < 0;
  my $master = handle($number);
  my $unlocked = pack "l", 0;
  ioctl $master, $TIOCSPTLCK, $unlocked or die "a terminal: $!\n";
  my $peer = ioctl $master, $TIOCGPTPEER, 0x80102 or die "a terminal: $!\n";
  return ($master, handle($peer));
}
sub accept_terminal {
  accept my $tool, $door or die "accept: $!\n";
  unlink $place;
  my ($bytes, $attached) = (pack("x4096"), pack("x24"));
  my $part = pack "PQ", $bytes, length $bytes;
  my $message = pack "QLx4PQPQlx4", 0, 0, $part, 1, $attached, length $attached, 0;
  syscall($number{recvmsg}, fileno $tool, $message, 0x40000000) > 0 or die "recvmsg: $!\n";
  # SCM_RIGHTS with one descriptor.
  my ($length, $level, $type, $number) = unpack "QlLl", $attached;
  die "the tool handed no terminal over\n" unless $length == 20 && $level == 1 && $type == 1;
  return handle($number);
}

if ($size eq "") {
  pipe $theirs[0], $in or die "pipe: $!\n";
  pipe $out, $theirs[1] or die "pipe: $!\n";
  pipe $err, $theirs[2] or die "pipe: $!\n";
} elsif ($place =~ /^\d+$/) {
  ($terminal, my $slave) = make_terminal();
  @theirs = ($slave) x 3;
} else {
  socket $door, 1, 1, 0 or die "socket: $!\n";
  bind $door, pack "Sa*", 1, $place or die "$place: $!\n";
  listen $door, 1 or die "$place: $!\n";
  open my $nothing, "+<", "/dev/null" or die "/dev/null: $!\n";
  @theirs = ($nothing) x 3;
}
# It may open them again by their names.
chown $owner, -1, $_ for $door ? () : @theirs;
sub resize { ioctl $terminal, $TIOCSWINSZ, pack("S4", $_[0], $_[1], 0, 0) if $terminal }
resize(split / /, $size);

my $pid = fork // die "fork: $!\n";
if (!$pid) {
  syscall $number{setsid};
  open STDIN, "<&", $theirs[0];
  open STDOUT, ">&", $theirs[1];
  open STDERR, ">&", $theirs[2];
  ioctl STDIN, $TIOCSCTTY, 0 if $terminal;
  $SIG{PIPE} = "DEFAULT";
  { no warnings; exec { $command[0] } @command }
  print STDERR "$command[0]: $!\n";
  syscall $number{exit_group}, 127;
}
@theirs = ();
if ($pid_file ne "") {
  my $tool = pidfd($pid);
  for (my $is_ready;;) {
    ($is_ready) = ready(undef, [$tool, $orders, $door && !$terminal ? $door : ()]);
    $terminal = accept_terminal() if $door && !$terminal && $is_ready->($door);
    last if $is_ready->($tool);
    # Nothing is ordered yet: its caller is gone. What it waits for may be the container's doing.
    next unless $is_ready->($orders);
    kill "KILL", -$pid, $pid;
    exit;
  }
  waitpid $pid, 0;
  if ($?) { syswrite $report, "failed\n"; exit }
  $terminal //= accept_terminal() if $door;
  open my $file, "<", $pid_file or die "$pid_file: $!\n";
  $pid = <$file> + 0;
}
my $end = pidfd($pid) // die "pidfd_open: $!\n";
syswrite $report, "started\n";

($in, $out) = ($terminal, $terminal) if $terminal;
# From where, to where, and what was read from the one and not yet written to the other.
my @flows = ([\*STDIN, $in, ""], [$out, \*STDOUT, ""], $err ? [$err, \*STDERR, ""] : ());
fcntl $_, $SETFL, $NONBLOCK for $in, $out, \*STDOUT, $err ? ($err, \*STDERR) : ();
sub take {
  my ($flow, $most) = @_;
  my $taken = sysread $$flow[0], $$flow[2], $most;
  return if $taken || !defined $taken && $! == $EAGAIN;
  my $ends_input = $$flow[0] == \*STDIN && !$terminal;
  $$flow[0] = undef;
  $in = $$flow[1] = undef if $ends_input;
}
sub give {
  my ($flow) = @_;
  my $given = syswrite $$flow[1], $$flow[2];
  if (defined $given) { substr $$flow[2], 0, $given, "" }
  # Nobody reads it any more.
  elsif ($! != $EAGAIN) { $$flow[2] = "" }
}

# State, process group and session of a process.
sub stat_of {
  open my $file, "<", "/proc/$_[0]/stat" or return;
  my $line = <$file> // return;
  return (split / /, substr $line, 2 + rindex $line, ")")[0, 2, 3];
}
my ($GROUP, $SESSION) = (1, 2);
# As long as the first process is not waited for, nothing else can have the number of its group or session.
sub members_of {
  my ($kind) = @_;
  my $number = (stat_of($pid))[$kind];
  my @members;
  opendir my $processes, "/proc" or return;
  for my $id (grep { /^\d+$/ } readdir $processes) {
    my $member = (stat_of($id))[$kind] == $number ? pidfd($id) : undef;
    # Now that it is held: still that process, and not one that has its number since?
    my @now = $member ? stat_of($id) : ();
    push @members, [$member, $id] if @now && $now[$kind] == $number && $now[0] !~ /[ZX]/;
  }
  return @members;
}
sub signal_to {
  my ($signal, @members) = @_;
  syscall $PIDFD_SEND_SIGNAL, fileno $$_[0], $signal, 0, 0 for @members;
}
sub hang_up {
  # The kernel tells who has lost a terminal.
  for my $stream ($terminal, $in, $out, $err) { close $stream if $stream }
  for ([1, $HUP, $CONT], [5, $KILL]) {
    my ($seconds, @signals) = @$_;
    while ($seconds > 0 and my @members = members_of($SESSION)) {
      signal_to($_, @members) for @signals;
      # Once is enough for who can be asked; who is killed may have made another one meanwhile.
      @signals = grep { $_ == $KILL } @signals;
      my $ends = "";
      vec($ends, fileno $$_[0], 1) = 1 for @members;
      (undef, $seconds) = select $ends, undef, undef, $seconds;
    }
  }
  exit;
}

# A tool that stays is in the group, too: it waits, and tells how that ended.
my $host = readlink "/proc/self/ns/pid";
my $lines;
for (;;) {
  my @readers = grep { $$_[0] && !length $$_[2] } @flows;
  my @writers = grep { length $$_[2] } @flows;
  my ($has_bytes, $has_room) = ready(undef, [$end, $orders, map { $$_[0] } @readers], [map { $$_[1] } @writers]);
  for (@readers) { take($_, $MOST) if $has_bytes->($$_[0]) }
  for (@writers) { give($_) if $has_room->($$_[1]) }
  last if $has_bytes->($end);
  next unless $has_bytes->($orders);
  sysread $orders, $lines, 4096, length $lines or hang_up();
  while ($lines =~ s/^(\w+) ([^\n]*)\n//) {
    if ($1 eq "resize") { resize(split / /, $2) }
    else { signal_to($2 + 0, grep { readlink("/proc/$$_[1]/ns/pid") ne $host } members_of($GROUP)) }
  }
}
waitpid $pid, 0;
my $status = $?;
# What it wrote before it ended lies there now; what those write that it left behind has no end. A terminal counts only a part of what it holds,
# which is some 12 KiB at most.
sub held {
  my ($stream) = @_;
  return $MOST if $terminal;
  my $count = pack "l", 0;
  return ioctl($stream, $FIONREAD, $count) ? unpack "l", $count : 0;
}
my @rest = @flows[1 .. $#flows];
$$_[3] = $$_[0] ? held($$_[0]) : 0 for @rest;
while (@rest) {
  for (grep { $$_[3] && !length $$_[2] } @rest) {
    take($_, $$_[3] < $MOST ? $$_[3] : $MOST);
    $$_[3] = length $$_[2] ? $$_[3] - length $$_[2] : 0;
  }
  @rest = grep { length $$_[2] } @rest or last;
  my ($has_bytes, $has_room) = ready(undef, [$orders], [map { $$_[1] } @rest]);
  exit if $has_bytes->($orders) && !sysread $orders, $lines, 4096;
  for (@rest) { give($_) if $has_room->($$_[1]) }
}
syswrite $report, "ended $status\n";
`;
