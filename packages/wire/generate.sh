#!/bin/sh
# Contract data -> .proto -> src/gen. Run as `./dev generate` after changing contract/ or proto/.
set -eu
cd "$(dirname "$0")"
case $(uname -m) in x86_64) arch=x64 ;; *) arch=arm64 ;; esac
PATH="$(pwd)/../../node_modules/node-linux-$arch/bin:$(pwd)/../../node_modules/.bin:$PATH"
node generate.ts
buf generate
