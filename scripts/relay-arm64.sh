#!/usr/bin/env bash
# The arm64 relay on this x86-64 machine, under qemu's user emulation.
#
# Usage: relay-arm64.sh --setup     make sure that qemu is there (installs it on Debian as root)
#        relay-arm64.sh ARGS...     run the relay
relay=$(dirname "$0")/../src/inspect_swe/_sandbox/relay_src/relay-aarch64

if [ "${1:-}" != --setup ]; then
  exec qemu-aarch64-static "$relay" "$@"
fi
command -v qemu-aarch64-static >/dev/null && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends qemu-user-static >/dev/null
else
  echo "relay-arm64: install qemu-user-static" >&2
  exit 1
fi
