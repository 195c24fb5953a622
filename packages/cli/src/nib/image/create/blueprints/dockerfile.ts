/** The blueprint of `Dockerfile` (nib-and-images §2.5). `%name%` is filled in. */
export const dockerfile = String.raw`# The container of a %protocol_key% node: docker build -t %variant_key% .   or: nib image build
# Any Linux image will do as a base: the platform brings its agent along and needs nothing in it but what your own
# commands use. Keep what several images share (tools, aux services, base.rhai) in a base image of your own.
ARG BASE_IMAGE=%base_image%

# ---- Build: what is needed to make the binaries stays out of the node -------------------------------------------------
FROM $BASE_IMAGE AS build

# A real protocol is compiled or downloaded here:
#   RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates git build-essential
#   RUN git clone --depth 1 --branch v1.2.3 https://github.com/example/client /src && make -C /src && strip /src/client
#
# This stands in for it until then, so that the image runs as it is: a "chain" that makes a block every few seconds.
RUN printf '%s\n' \
      '#!/bin/sh' \
      '# example-node DATA_DIR SECONDS_BETWEEN_BLOCKS on|off' \
      'data=$1 interval=$2 verbose=$3' \
      'trap "echo stopping at block \$height; exit 0" TERM INT' \
      'mkdir -p "$data"' \
      'height=$(cat "$data/height" 2>/dev/null || echo 0)' \
      'echo "starting at block $height"' \
      'while :; do' \
      '  height=$((height + 1))' \
      '  echo "$height" > "$data/height.new" && mv "$data/height.new" "$data/height"' \
      '  [ "$verbose" = off ] || echo "block $height"' \
      '  sleep "$interval" & wait $!' \
      'done' \
      > /example-node \
    && chmod 755 /example-node

# A template for config_files of main.rhai. A real one is better kept as a file beside this one and copied.
RUN printf '%s\n' \
      'network = {{ network }}' \
      'history = {{ history }}' \
      '{% for node in bootnodes %}bootnode = {{ node }}' \
      '{% endfor %}' \
      > /node.conf.template

# ---- The node ---------------------------------------------------------------------------------------------------------
FROM $BASE_IMAGE

COPY --from=build /example-node /usr/bin/example-node
COPY --from=build /node.conf.template /var/lib/babel/templates/node.conf.template
# The plugin. Other *.rhai files that main.rhai imports go to the same place.
COPY main.rhai /var/lib/babel/plugin/
`;
