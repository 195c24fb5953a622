# Below tini, as long as the container runs: starts babel (BUSYBOX LAUNCH [NAME=VALUE]... COMMAND..., see launch.sh), collects it when it has
# ended, and stays. A later babel is started beside it by the host.
busybox=$1
launch=$2
shift 2
(. "$launch") &
wait $!
exec "$busybox" sleep infinity
