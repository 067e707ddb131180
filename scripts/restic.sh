#!/usr/bin/env bash
# Makes sure that restic is there, with which Inspect writes checkpoints (installs it on Debian as root).
set -euo pipefail

command -v restic >/dev/null && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  apt-get update -qq
  # As new a one as there is: the source that scripts/docker-engine.sh adds is not the first choice otherwise.
  version=$(apt-cache madison restic | awk '{ print $3; exit }')
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "restic=$version" >/dev/null
else
  echo "restic: install restic 0.18 or newer" >&2
  exit 1
fi
