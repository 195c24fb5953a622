# Starts a program of the agent ([NAME=VALUE]... COMMAND...) so that nothing the image set for its own programs changes how it runs: a preloaded
# allocator, Node options, an OpenSSL config. What is taken away here, jobs and scripts get back. (setup/node-env.ts)
for name in LD_PRELOAD LD_LIBRARY_PATH LD_AUDIT LD_DEBUG LD_BIND_NOW GLIBC_TUNABLES MALLOC_ARENA_MAX MALLOC_CONF \
  NODE_OPTIONS NODE_PATH NODE_EXTRA_CA_CERTS NODE_DEBUG NODE_V8_COVERAGE NODE_ICU_DATA NODE_COMPILE_CACHE NODE_USE_ENV_PROXY \
  NODE_TLS_REJECT_UNAUTHORIZED NODE_PENDING_DEPRECATION NODE_NO_WARNINGS OPENSSL_CONF OPENSSL_MODULES UV_THREADPOOL_SIZE \
  UV_USE_IO_URING; do
  eval "[ -n \"\${$name+set}\" ]" || continue
  eval "export BABEL_IMAGE_$name=\"\$$name\""
  unset "$name"
done
# Authorities that the host trusts besides the usual ones, and whoever runs a tool: for babel and archive jobs, not for what they start.
authorities="${BABEL_CA_FILE:-${BABEL_ROOT:-}/var/lib/babel/run/ca.pem}"
[ ! -f "$authorities" ] || export NODE_EXTRA_CA_CERTS="$authorities"
while :; do
  case "$1" in
    [A-Z]*=*) export "$1" ;;
    *) exec "$@" ;;
  esac
  shift
done
