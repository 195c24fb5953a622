# Becomes the payload of a run:  busybox sh payload.sh RUN_DIR RUN_ID JOB_DIR COMMAND...
run=$1
export BV_RUN_ID="$2" BABEL_JOB_DIR="$3"
shift 3
read -r stat </proc/self/stat
fields=${stat##*) }
fields=${fields#* * * * * * * * * * * * * * * * * * * }
echo "${stat%% *} ${fields%% *}" >"$run/pid"
cd /
exec "$@"
