# Owns one run of a job, whatever happens to babel. Run by the agent's busybox, in a session of its own:
#   busybox sh shim.sh BUSYBOX RUN_DIR LOG_PREFIX SEGMENT_BYTES SEGMENTS_KEPT TIMESTAMPS RUN_ID JOB_DIR COMMAND...
# Leaves in RUN_DIR:
#   claim/  made first; whoever makes it decides whether this run takes place (babel makes it to call a run off)
#   shim    "pid startticks" of this process, which becomes `busybox time`: the one that waits for the payload
#   pid     "pid startticks" of the payload
#   exit    written when the payload ended; complete with the line "done elapsed user system maxrss"
#   logger  "pid startticks" of the log writer;   logged  it has written everything there was
busybox=$1 run=$2 log=$3 segment=$4 kept=$5 timestamps=$6
shift 6

identity() { # of process $1 ("self": the caller)
  read -r stat </proc/"$1"/stat
  pid=${stat%% *}
  set -- ${stat##*) }
  shift 19
  ticks=$1
}

mkdir "$run/claim" 2>/dev/null || exit 0
identity self
echo "$pid $ticks" >"$run/shim" || exit 1
mkfifo -m 600 "$run/output" || exit 1

name_segment() { # by the offset of its first byte
  name=00000000000000000000$1
  name=$log.${name#"${name%????????????????????}"}
}

# A segment is full, but its last line is not complete: the line goes to where the next segment begins. Lines of 64 KiB and more, which
# readers show in pieces anyway, are cut. Copied first, then taken away: of what is in both, readers take the newer. (D3-03)
move_last_line() { # sets size and rest, in bytes: what stays and what goes
  rest=0
  tail -n 1 "$name.log" >"$run/rest" || return
  set -- $(wc -lc <"$run/rest") "$name"
  [ "$1" = 0 ] && [ "$2" -lt 65536 ] || return
  name_segment $((offset + size - $2))
  if [ "$timestamps" = 1 ]; then
    awk -v from=$((offset + size - $2)) '$1 <= from { time = $2 } END { print from, time }' "$3.times" >"$name.times"
  fi
  mv "$run/rest" "$name.log" || return
  rest=$2
  size=$((size - rest))
  # Not made anew if it was pruned meanwhile.
  truncate -c -s "$size" "$3.log"
}

# Appends what the payload prints to segments named by the offset of their first byte: LOG_PREFIX.<offset, 20 digits>.log.
# The raw bytes go in as they come. With TIMESTAMPS, each piece is noted as "offset microseconds" in a .times file beside.
logger() {
  umask 027
  identity self
  echo "$pid $ticks" >"$run/logger"
  offset=0
  dropped= # lines, once anything was
  bytes=0
  before=0
  rest=0
  while :; do
    name_segment "$offset"
    ln -sfn "log/${name##*/}.log" "${log%/log/*}/logs"
    size=$rest
    : >>"$name.log"
    while [ "$size" -lt "$segment" ]; do
      count=$(((segment - size + 65535) / 65536))
      [ "$count" -gt 1024 ] && count=1024
      # A piece per read, so that its time is the time when it came; in a dense trickle pieces are gathered for a moment.
      if [ "$timestamps" = 1 ]; then
        count=1
        now=${EPOCHREALTIME%.*}${EPOCHREALTIME#*.}
        [ $((now - before)) -lt 5000 ] && [ "$bytes" -lt 16384 ] && usleep 20000
      fi
      at=$size
      if dd bs=65536 count="$count" of="$name.log" oflag=append conv=notrunc 2>/dev/null; then
        size=$(stat -c %s "$name.log")
        [ "$size" = "$at" ] && break 2 # nothing more comes
        if [ "$timestamps" = 1 ]; then
          before=${EPOCHREALTIME%.*}${EPOCHREALTIME#*.}
          echo "$((offset + at)) $before" >>"$name.times"
        fi
        if [ -n "$dropped" ]; then
          mark="... at least $dropped lines were dropped, the log could not be written ..."
          echo "$mark" >>"$name.log" && size=$((size + ${#mark} + 1)) && dropped=
        fi
      else
        # The disk is full, or worse. The payload must go on: discard, and say so as soon as it is possible again.
        set -- $(dd bs=65536 count=16 2>/dev/null | wc -lc)
        [ "$2" = 0 ] && break 2
        dropped=$((dropped + $1))
        size=$(stat -c %s "$name.log" || echo "$at")
      fi
      bytes=$((size - at))
    done
    move_last_line
    offset=$((offset + size))
    set -- "$log".*.log
    # With a line that moved, the next segment is there already.
    while [ "$#" -ge $((kept + (rest > 0))) ]; do
      rm -f "$1" "${1%.log}.times"
      shift
    done
  done
  : >"$run/logged"
}

logger <"$run/output" >/dev/null 2>&1 &
exec >"$run/output" 2>&1 </dev/null
rm -f "$run/output"
# A shell cannot tell "exited with 137" from "killed by SIGKILL"; `time` can, and knows how long it took.
exec "$busybox" time -o "$run/exit" -f 'done %e %U %S %M' \
  "$busybox" setsid "$busybox" sh "${0%/*}/payload.sh" "$run" "$@"
