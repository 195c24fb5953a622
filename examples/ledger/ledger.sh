#!/bin/sh
# The protocol of this example: `ledger COMMAND FOLDER...`, folders relative to the node's protocol data.
#   generate MB FOLDER...   makes a ledger as if it had been synchronised for years: half of it compresses well, half does not
#   serve FOLDER            what the node is for: appends an entry every second, and holds LOCK while it may
#   seal FOLDER...          writes SUMS of everything, for whoever gets a copy; refuses while the ledger is in use
#   check FOLDER...         compares with SUMS
cd "${PROTOCOL_DATA_PATH:?}" || exit 1
command=$1
shift

generate() { # MB FOLDER
  mkdir -p "$2/empty" && cd "$2" || exit 1
  part=0
  while [ "$part" -lt "$1" ]; do
    mkdir -p "blocks/$((part / 100))" state
    dd if=/dev/urandom of="blocks/$((part / 100))/$part" bs=64k count=8 2>/dev/null || exit 1
    yes "entry of part $part" | head -c 524288 >"state/$part" || exit 1
    part=$((part + 1))
    babel progress "$part" "$1" MB
  done
  dd if=/dev/zero of=index bs=1 count=0 seek=8388608 2>/dev/null # a hole
  ln -s blocks/0 latest
  : >genesis
  cd "$PROTOCOL_DATA_PATH" || exit 1
}

serve() { # FOLDER
  mkdir -p "$1" && cd "$1" || exit 1
  trap 'rm -f LOCK; exit 0' TERM
  echo $$ >LOCK
  while :; do
    date >>journal
    sleep 1 &
    wait $!
  done
}

seal() { # FOLDER
  if [ -e "$1/LOCK" ]; then
    echo "$1 is in use" >&2
    exit 1
  fi
  (cd "$1" && find . -type f ! -name 'SUMS*' | sort | xargs sha256sum) >SUMS.new && mv SUMS.new "$1/SUMS"
}

case $command in
  generate)
    megabytes=$(($1 / ($# - 1)))
    shift
    for folder; do generate "$megabytes" "$folder"; done
    ;;
  serve) serve "$1" ;;
  seal) for folder; do seal "$folder" || exit 1; done ;;
  check) for folder; do (cd "$folder" && sha256sum -c -s SUMS) || exit 1; done ;;
  *)
    echo "usage: ledger generate|serve|seal|check ..." >&2
    exit 2
    ;;
esac
