# Below tini, as long as the container runs: starts babel (COMMAND...), collects it when it has ended, and stays. A later babel is started
# beside it by the host.
busybox=$1
shift
"$@" &
wait $!
exec "$busybox" sleep infinity
