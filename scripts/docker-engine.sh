#!/usr/bin/env bash
# Makes sure that a Docker engine with `docker compose` answers.
#
# Does nothing where one does. On Debian 12 as root it installs one from the machine's own Debian source (the next
# release's packages: bookworm's own are too old for Inspect) and starts it. Elsewhere it says what to do.
#
# Usage: docker-engine.sh [--check]      --check only tells (exit 0: an engine answers)
set -euo pipefail

PACKAGES=(docker.io docker-cli containerd docker-compose docker-buildx)
RELEASE=trixie
LOG=${DOCKERD_LOG:-/var/log/dockerd.log}

say() { printf 'docker-engine: %s\n' "$*" >&2; }
answers() { docker info >/dev/null 2>&1 && docker compose version >/dev/null 2>&1; }

debian_source() {  # the first deb822 stanza of the main Debian archive -> "URI KEYRING"
  awk 'BEGIN { RS = ""; FS = "\n" }
       { uri = ""; key = ""; suites = ""
         for (i = 1; i <= NF; i++) {
           if ($i ~ /^URIs:/)      { sub(/^URIs:[ \t]*/, "", $i); split($i, u, /[ \t]+/); uri = u[1] }
           if ($i ~ /^Signed-By:/) { sub(/^Signed-By:[ \t]*/, "", $i); key = $i }
           if ($i ~ /^Suites:/)    { suites = $i } }
         if (uri != "" && suites ~ /bookworm/ && suites !~ /security/) { print uri, key; exit } }' \
    /etc/apt/sources.list.d/*.sources
}

install_engine() {
  local uri keyring
  read -r uri keyring < <(debian_source) || true
  [ -n "${uri:-}" ] || { say "no Debian source found in /etc/apt/sources.list.d/*.sources"; exit 1; }
  printf 'Types: deb\nURIs: %s\nSuites: %s\nComponents: main\nSigned-By: %s\n' "$uri" "$RELEASE" "$keyring" \
    >"/etc/apt/sources.list.d/$RELEASE.sources"
  printf 'Package: *\nPin: release n=%s\nPin-Priority: 50\n' "$RELEASE" >"/etc/apt/preferences.d/$RELEASE"
  say "installing ${PACKAGES[*]} from $RELEASE"
  apt-get update -qq || say "apt-get update reported errors; going on"
  # Without systemd the post-install scripts complain; what counts is that the engine answers afterwards.
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
    "${PACKAGES[@]/%//$RELEASE}" runc iptables >/dev/null || say "apt-get reported errors; going on"
}

start_engine() {
  # After an unclean end the old daemon's pid file is left behind and would keep the new one from starting.
  if [ -f /var/run/docker.pid ] && ! kill -0 "$(cat /var/run/docker.pid)" 2>/dev/null; then
    rm -f /var/run/docker.pid
  fi
  setsid dockerd >"$LOG" 2>&1 </dev/null &
  for _ in $(seq 60); do
    answers && return 0
    sleep 0.5
  done
  say "the engine did not answer within 30 s; the end of $LOG:"
  tail -n 20 "$LOG" >&2
  exit 1
}

if answers; then exit 0; fi
if [ -n "${DOCKER_HOST:-}" ]; then
  say "the engine that DOCKER_HOST names ($DOCKER_HOST) does not answer"
  exit 1
fi
if [ "${1:-}" = --check ]; then exit 1; fi
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null || ! grep -q bookworm /etc/os-release; then
  say "no Docker engine answers. Start yours (engine >= 24.0.6, compose >= 2.21), or run this as root on Debian 12."
  exit 1
fi
command -v dockerd >/dev/null && docker compose version >/dev/null 2>&1 || install_engine
start_engine
say "engine $(docker version --format '{{.Server.Version}}') is up"
