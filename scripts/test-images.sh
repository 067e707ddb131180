#!/usr/bin/env bash
# Builds the images that the demo, the tests and the benchmarks run in. No container registry is asked.
#
#   inspect-swe-test:bookworm   Debian 12 with bash, git, python3, procps, curl and a user `agent` (uid 1500)
#   inspect-swe-test:musl       busybox and musl, nothing else: no bash, python, curl or package manager
#   inspect-swe-test:noshell    one static binary that does nothing: no shell
#
# Usage: test-images.sh [NAME...]     (default: all; existing images are kept, remove them to build anew)
set -euo pipefail

WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT

say() { printf 'test-images: %s\n' "$*" >&2; }
have() { docker image inspect "inspect-swe-test:$1" >/dev/null 2>&1; }
load() { tar -C "$WORK/$1" -c . | docker import - "inspect-swe-test:$1" >/dev/null; }

need_root_debian() {
  [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || {
    say "building inspect-swe-test:$1 needs root on Debian"; exit 1; }
}

debian_uri() { awk '/^URIs:/ { print $2; exit }' /etc/apt/sources.list.d/debian.sources; }

add_user() {  # a user without privileges, in any root file system
  echo 'agent:x:1500:1500::/home/agent:/bin/sh' >>"$WORK/$1/etc/passwd"
  echo 'agent:x:1500:' >>"$WORK/$1/etc/group"
  mkdir -p "$WORK/$1/home/agent"
  chown 1500:1500 "$WORK/$1/home/agent"
}

build_bookworm() {
  need_root_debian bookworm
  command -v debootstrap >/dev/null || { apt-get update -qq; apt-get install -y -qq --no-install-recommends debootstrap >/dev/null; }
  debootstrap --variant=minbase --include=ca-certificates,bash,git,python3,procps,curl \
    bookworm "$WORK/bookworm" "$(debian_uri)" >"$WORK/log" 2>&1 || { tail -n 20 "$WORK/log" >&2; exit 1; }
  rm -rf "$WORK"/bookworm/var/cache/apt/* "$WORK"/bookworm/var/lib/apt/lists/*
  add_user bookworm
  load bookworm
}

build_musl() {
  need_root_debian musl
  mkdir -p "$WORK/musl" "$WORK/deb"
  # Debian 13's musl (its source came with the engine): Debian 12's is older than what Node.js is built for.
  (cd "$WORK/deb" && { apt-get download -qq busybox-static musl/trixie 2>/dev/null ||
    { apt-get update -qq; apt-get download -qq busybox-static musl/trixie; }; })
  for package in "$WORK"/deb/*.deb; do dpkg -x "$package" "$WORK/musl"; done
  rm -rf "$WORK/musl/usr/share"
  [ -e "$WORK/musl/lib" ] || ln -s usr/lib "$WORK/musl/lib"
  mkdir -p "$WORK"/musl/{bin,etc,tmp,var/tmp,root,proc,dev,sys,usr/bin}
  chmod 1777 "$WORK/musl/tmp" "$WORK/musl/var/tmp"
  for applet in $("$WORK/musl/bin/busybox" --list); do
    [ -e "$WORK/musl/bin/$applet" ] || ln -s busybox "$WORK/musl/bin/$applet"
  done
  echo 'root:x:0:0::/root:/bin/sh' >"$WORK/musl/etc/passwd"
  echo 'root:x:0:' >"$WORK/musl/etc/group"
  add_user musl
  load musl
}

build_noshell() {
  command -v gcc >/dev/null || apt-get install -y -qq --no-install-recommends gcc libc6-dev >/dev/null
  mkdir -p "$WORK/noshell/bin" "$WORK/noshell/etc"
  printf '#include <unistd.h>\nint main(void) { for (;;) pause(); }\n' >"$WORK/pause.c"
  gcc -static -O1 -o "$WORK/noshell/bin/tail" "$WORK/pause.c"
  echo 'root:x:0:0::/:/none' >"$WORK/noshell/etc/passwd"
  load noshell
}

[ $# -gt 0 ] || set -- bookworm musl noshell
for name in "$@"; do
  if ! have "$name"; then
    say "building inspect-swe-test:$name"
    "build_$name"
  fi
done
