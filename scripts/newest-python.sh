#!/usr/bin/env bash
# Prints the path of the newest Python that is installed (3.12 to 3.14, of pyenv's too), else of python3.
set -euo pipefail
for minor in 14 13 12; do
  for python in "$(command -v "python3.$minor" || true)" "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3."$minor".*/bin/python; do
    # A shim of pyenv exists for versions that are not chosen, too, and then fails.
    if [ -x "$python" ] && "$python" -c 'import ensurepip' 2>/dev/null; then
      echo "$python"
      exit 0
    fi
  done
done
command -v python3
