#!/usr/bin/env bash
# Makes a virtual environment; on a bare Debian as root it installs the package that venv needs first.
#
# Usage: make-venv.sh PYTHON FOLDER
set -euo pipefail
python=$1 folder=$2

[ -x "$folder/bin/python" ] && exit 0
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 10))' || {
  echo "make-venv: Python 3.10 or newer is needed, $python is $("$python" --version)" >&2; exit 1; }
if ! "$python" -c 'import ensurepip' 2>/dev/null; then
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3-venv ca-certificates >/dev/null
  else
    echo "make-venv: $python lacks venv; install your distribution's python3-venv" >&2; exit 1
  fi
fi
"$python" -m venv "$folder"
