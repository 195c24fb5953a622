# /usr/bin/babel in a node, for the scripts of its jobs; written by babel at each of its starts.
usage() {
  echo "usage, in a job's script: babel progress CURRENT [TOTAL] [MESSAGE]" >&2
  exit 2
}
amount() { # $1 is a number that JSON has, too
  case $1 in '' | *[!0-9.]* | .* | *. | *.*.* | 0[0-9]*) usage ;; esac
}

[ "$1" = progress ] && [ -n "$BABEL_JOB_DIR" ] || usage
shift
amount "$1"
json="{\"current\":$1"
if [ -n "$2" ]; then
  amount "$2"
  json="$json,\"total\":$2"
fi
[ "$#" -gt 2 ] && shift 2 || set --
message=$(printf %s "$*" | "$busybox" tr '[:cntrl:]' ' ' | "$busybox" sed 's/[\\"]/\\&/g')
file=$BABEL_JOB_DIR/progress.json
# A job that is not root may write the file, but not replace it.
if [ -w "$BABEL_JOB_DIR" ]; then
  printf '%s,"message":"%s"}' "$json" "$message" >"$file.new" && exec "$busybox" mv -f "$file.new" "$file"
fi
printf '%s,"message":"%s"}' "$json" "$message" >"$file"
