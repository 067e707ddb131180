"""A repository in which an agent has done everything that can be done to one, as shell scripts."""

from __future__ import annotations

import os
from pathlib import Path

BEGIN = r"""
git init -q -b main .
git config user.name Task; git config user.email task@example.com
printf 'ignored.log\nbuild/\n' >.gitignore
for name in staged unstaged both renamed deleted removed mode kept becomes-folder becomes-link committed; do
  for line in 1 2 3 4 5; do echo "$name $line"; done >$name
done
mkdir -p sub folder
echo x >sub/file; echo y >folder/becomes-file; printf 'caf\351\n' >latin1; printf 'no end' >no-newline
head -c 3000 /dev/urandom >binary; : >empty
ln -s kept link; ln -s nowhere dangling
git add -A; git commit -qm base
"""

WORK = r"""
echo staged >>staged; git add staged
echo unstaged >>unstaged
echo one >>both; git add both; echo two >>both
echo mine >>committed; echo new >new-committed; git add new-committed; git commit -qm 'The own' committed new-committed
echo later >>committed
git mv renamed sub/renamed
git rm -q deleted; rm removed
chmod 755 mode
rm becomes-folder; mkdir becomes-folder; echo f >becomes-folder/f
rm becomes-link; ln -s sub/file becomes-link
rm -r folder; echo file >folder
rm link; ln -s ../../etc/passwd link; ln -s sub new-link
printf 'caf\351\350\n' >latin1; printf 'still none' >no-newline
head -c 2000 /dev/urandom >binary; head -c 50000 /dev/urandom >new-binary
echo untracked >untracked; mkdir -p 'a b/c'; echo q >'a b/c/d e'; printf x >'new
line'; echo u >'ümläut'; echo filled >empty; : >new-empty
echo i >ignored.log; mkdir build; echo b >build/b
"""

HOSTILE = r"""
mkdir -p hooks
for hook in post-index-change pre-commit reference-transaction; do
  printf '#!/bin/sh\ntouch %s/ran-hook\n' "$(dirname "$PWD")" >.git/hooks/$hook; chmod 755 .git/hooks/$hook
done
rmdir hooks
printf '#!/bin/sh\ntouch %s/ran-program\n' "$(dirname "$PWD")" >../program; chmod 755 ../program
git config diff.external "$PWD/../program"; git config core.fsmonitor "$PWD/../program"
git config diff.noprefix true; git config color.ui always; git config core.quotePath false
git config diff.renames copies; git config core.splitIndex true; git config core.untrackedCache true
"""
"""Configuration that would change a patch, or have programs run."""

SEE = """{
git --no-optional-locks -c core.fsmonitor= status --porcelain=v2
git for-each-ref
find .git -type f -exec sha256sum {} + | sort
}"""
"""What a repository looks like."""


def tree(folder: Path) -> dict[str, tuple[str, bytes]]:
    """All that git knows of a folder's content, without what the repository ignores."""
    found = {}
    for place, folders, files in os.walk(folder):
        if Path(place) == folder:
            folders[:] = [name for name in folders if name not in (".git", "build")]
        for name in [*files, *(name for name in folders if (Path(place) / name).is_symlink())]:
            path = Path(place) / name
            kind = "link" if path.is_symlink() else "program" if path.stat().st_mode & 0o100 else "file"
            content = os.fsencode(os.readlink(path)) if kind == "link" else path.read_bytes()
            found[str(path.relative_to(folder))] = (kind, content)
    found.pop("ignored.log", None)
    return found
