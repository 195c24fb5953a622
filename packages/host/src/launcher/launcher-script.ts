/**
 * The launcher's program. It reads frames `ID KIND BYTES\n` with as many bytes, and says the same:
 *
 *     run    stdin (1: fed), where its output goes (`pipe`, `ignore` or a descriptor of the parent's), a descriptor of the parent's that it
 *            holds open (empty: none), and argv; separated by NUL. `perl -eTEXT` runs in a fork of the launcher; its
 *            words are in @ARGV, and only there
 *     feed   all of its input         kill  a signal's name         drop  its output is not waited for
 *
 *     ready  it can do all this here  out, err  what the tool says  ended  the status, as of wait(2)     failed  errno and text: it was not started
 *
 * Descriptors are fetched from the parent (pidfd_getfd, Linux 5.6), as they are: a lock stays the same lock. Ends with its input.
 */
export const SCRIPT = String.raw`
use strict;
# Before everything that is the launcher's own, so that a program sees nothing of it.
sub compiled { eval "package Program" . ++$Program::count . "; sub main { $_[0]\n} \\&main" }
my ($PIDFD_OPEN, $PIDFD_GETFD, $SETFD) = (434, 438, 2);
my $parent = syscall $PIDFD_OPEN, getppid, 0;
my $own = syscall $PIDFD_GETFD, $parent, 0, 0;
exit 1 if $parent < 0 || $own < 0;
close_descriptor($own);
my @ignored = qw(INT TERM HUP PIPE);
@SIG{@ignored} = ("IGNORE") x @ignored;
my (%jobs, $requests, %programs);
# A fork of its own runs a program, each time with nothing that another one has left; so it is compiled only once, here.
sub program {
  my ($text) = @_;
  return $programs{$text} if $programs{$text};
  my $program = compiled($text) // do { my $why = $@; sub { die $why } };
  $programs{$text} = $program if keys %programs < 100;
  return $program;
}
sub close_descriptor { open my $unused, "<&=", $_[0] }
sub tell_parent {
  my ($id, $kind, $bytes) = @_;
  my $frame = "$id $kind " . length($bytes) . "\n$bytes";
  while (length $frame) {
    my $written = syswrite STDOUT, $frame;
    exit unless defined $written;
    substr $frame, 0, $written, "";
  }
}
sub fetched {
  my ($number) = @_;
  my $fd = syscall $PIDFD_GETFD, $parent, $number + 0, 0;
  $fd >= 0 or return;
  open my $handle, "+<&=", $fd or return;
  return $handle;
}
sub run {
  my ($id, $fed, $output, $held, @argv) = @_;
  my %job = (id => $id);
  pipe my $fate, my $say_fate;
  my ($input, $out, $err);
  pipe $input, $job{input} if $fed;
  if ($output eq "pipe") { pipe $job{out}, $out; pipe $job{err}, $err }
  elsif ($output eq "ignore") { open $out, ">", "/dev/null"; $err = $out }
  else { $out = $err = fetched($output) }
  my $hold = $held eq "" ? undef : fetched($held);
  open $input, "<", "/dev/null" unless $fed;
  my $program = $argv[0] eq "perl" && $argv[1] =~ /^-e(.*)/s ? program($1) : undef;
  my $pid = $out && ($held eq "" || $hold) ? fork : undef;
  return tell_parent($id, "failed", ($! + 0) . " $!") unless defined $pid;
  if (!$pid) {
    @SIG{@ignored} = ("DEFAULT") x @ignored;
    open STDIN, "<&", $input;
    open STDOUT, ">&", $out;
    open STDERR, ">&", $err;
    fcntl $hold, $SETFD, 0 if $hold;
    # A fork that becomes no other program must not keep open what the others wait to be closed.
    for my $other (values %jobs, \%job) { close $_ for grep { ref } values %$other }
    if ($program) {
      close $say_fate;
      (undef, undef, @ARGV) = @argv;
      eval { &$program; 1 } or print STDERR $@;
      exit($@ ? 255 : 0);
    }
    { no warnings; exec { $argv[0] } @argv }
    syswrite $say_fate, ($! + 0) . " $!";
    kill "KILL", $$;
  }
  open $job{end}, "<&=", syscall($PIDFD_OPEN, $pid, 0);
  $job{pid} = $pid;
  $job{fate} = $fate;
  $jobs{$id} = \%job;
}
sub request {
  my ($id, $kind, $bytes) = @_;
  return run($id, split /\0/, $bytes, -1) if $kind eq "run";
  my $job = $jobs{$id} or return;
  if ($kind eq "feed") { $job->{pending} = $bytes; feed($job) if $job->{input} }
  elsif ($kind eq "kill") { kill $bytes, $job->{pid} unless defined $job->{status} }
  elsif ($kind eq "drop") { delete @$job{"out", "err"}; settle($job) }
}
# Never more than a pipe takes: it could not do anything else meanwhile.
sub feed {
  my ($job) = @_;
  my $written = length $job->{pending} ? syswrite $job->{input}, $job->{pending}, 4096 : undef;
  substr $job->{pending}, 0, $written, "" if defined $written;
  delete $job->{input} if !defined $written || !length $job->{pending};
}
sub settle {
  my ($job) = @_;
  return if !defined $job->{status} || $job->{out} || $job->{err} || $job->{fate};
  delete $jobs{$job->{id}};
  tell_parent($job->{id}, defined $job->{failed} ? ("failed", $job->{failed}) : ("ended", $job->{status}));
}
tell_parent(0, "ready", "");
for (;;) {
  my ($reads, $writes) = ("", "");
  vec($reads, 0, 1) = 1;
  for my $job (values %jobs) {
    vec($reads, fileno $_, 1) = 1 for grep { $_ } @$job{"out", "err", "end", "fate"};
    vec($writes, fileno $job->{input}, 1) = 1 if $job->{input} && defined $job->{pending};
  }
  select($reads, $writes, undef, undef) > 0 or next;
  for my $job (values %jobs) {
    feed($job) if $job->{input} && vec $writes, fileno $job->{input}, 1;
    for my $kind ("out", "err", "fate") {
      my $from = $job->{$kind} or next;
      next unless vec $reads, fileno $from, 1;
      if (sysread $from, my $bytes, 65536) {
        if ($kind eq "fate") { $job->{failed} = $bytes } else { tell_parent($job->{id}, $kind, $bytes) }
      } else {
        delete $job->{$kind};
      }
    }
    if ($job->{end} && vec $reads, fileno $job->{end}, 1) {
      waitpid $job->{pid}, 0;
      $job->{status} = $?;
      delete $job->{end};
    }
    settle($job);
  }
  next unless vec $reads, 0, 1;
  sysread STDIN, $requests, 65536, length $requests or exit;
  while ($requests =~ /^(\d+) (\w+) (\d+)\n/ && length $requests >= $+[0] + $3) {
    my ($id, $kind, $start, $size) = ($1, $2, $+[0], $3);
    my $bytes = substr $requests, $start, $size;
    substr $requests, 0, $start + $size, "";
    request($id, $kind, $bytes);
  }
}
`;
