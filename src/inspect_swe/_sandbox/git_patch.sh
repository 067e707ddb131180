# Prints the patch of a git repository: sh -c THIS sh TOP BASE OWN EACH PATHSPEC...
# OWN is a private folder, for an index and all objects that are made: nothing is added to the repository. No hook, no
# file system monitor, no external diff is run; filters are, as without them it would be another patch.
umask 077
rm -rf "$own"
trap 'rm -rf "$own"' EXIT
mkdir -p "$own/objects/info" || exit 1
objects=$(git rev-parse --git-path objects) || exit 1
case $objects in /*) ;; *) objects=$PWD/$objects ;; esac
index=$(git rev-parse --git-path index) || exit 1
printf '%s\n' "$objects" >"$own/objects/info/alternates"
export GIT_OBJECT_DIRECTORY="$own/objects" GIT_INDEX_FILE="$own/index"
: >"$own/drivers"
: >"$own/untouched"

git() {
  command git -c core.hooksPath=/dev/null -c core.fsmonitor=false -c core.untrackedCache=false \
    -c core.splitIndex=false -c index.sparse=false -c core.safecrlf=false -c core.looseCompression=0 \
    -c diff.ignoreSubmodules=dirty -c advice.addEmbeddedRepo=false -c include.path="$own/config" "$@"
}
# One path a line: a line break in a name is written as another character.
lines() { tr '\n\0' '\001\n'; }
paths() { tr '\n\001' '\0\n'; }
tell() { printf '%s: %s\n' "$1" "$2" | tr '\001' ' ' >&2; }
changed() { git diff-index --cached --no-renames --name-only -z "$base" -- | lines; }
difference() {
  git diff-index --cached -p --binary --full-index --no-color --no-ext-diff --no-textconv --no-renames "$base" -- "$@"
}

git read-tree "$base" || exit 1
sparse=
# What a sparse checkout leaves out is not deleted.
if [ "$(git config --type=bool core.sparseCheckout)" = true ]; then
  sparse=--sparse
  GIT_INDEX_FILE=$index git ls-files -t -z | lines | sed -n 's/^S //p' >"$own/sparse"
  git ls-files -d -z | lines | grep -xF -f "$own/sparse" | paths | git update-index -z --skip-worktree --stdin
fi

# A filter that does not run is to end `git add`: whatever git does with the file otherwise, it names no path.
git config --name-only --get-regexp '^filter\..*\.(clean|process)$' | sed 's/^filter\.//; s/\.[a-z]*$//' | sort -u |
  while IFS= read -r driver; do git config -f "$own/config" "filter.$driver.required" true; done

# It also ends for all files where one is not in the encoding that it should have.
encoding="s/^[a-z]*: \(failed to encode\|BOM is [a-z]* in\) '\(.*\)' \(from\|if encoded as\) .*/\2/p"
tries=0
until git add -A $sparse --ignore-errors -- "$@" 2>"$own/said"; do
  tries=$((tries + 1))
  driver=$(sed -n "s/^fatal: .*: clean filter '\(.*\)' failed\$/\1/p" "$own/said")
  path=$(sed -n "$encoding" "$own/said" | tail -n 1)
  if [ "$driver" ] && [ "$tries" -le 20 ]; then
    for setting in clean process; do git config -f "$own/config" "filter.$driver.$setting" ""; done
    git config -f "$own/config" "filter.$driver.required" false
    printf '%s\n' "$driver" >>"$own/drivers"
  elif [ "$path" ] && [ "$tries" -le 20 ]; then
    tell "$path" "it is not in the encoding that its attributes name; the patch has it as it was."
    set -- "$@" ":(exclude,top,literal)$path"
  else
    cat "$own/said" >&2
    break
  fi
done

# Without its filter a file looks changed that is not. The repository's own index knows what was touched.
if [ -s "$own/drivers" ]; then
  {
    GIT_INDEX_FILE=$index git diff-files --name-only -z
    GIT_INDEX_FILE=$index git diff-index --cached --name-only -z "$base" --
    GIT_INDEX_FILE=$index git ls-files -o -z
  } | lines >"$own/touched"
  changed | paths | git check-attr -z --stdin filter | lines >"$own/filters"
  while IFS= read -r path && IFS= read -r _ && IFS= read -r driver; do
    grep -qxF -e "$driver" "$own/drivers" || continue
    if grep -qxF -e "$path" "$own/touched"; then
      tell "$path" "its filter '$driver' does not run; the patch has the file as it is on disk."
    else
      printf '%s\n' "$path" >>"$own/untouched"
    fi
  done <"$own/filters"
  [ -s "$own/untouched" ] && paths <"$own/untouched" |
    xargs -0 git --literal-pathspecs ls-tree -z --full-tree "$base" -- | git update-index -z --index-info
fi

# What a repository inside of this one has changed cannot be part of a patch of this one.
git ls-files -s -z | lines | sed -n 's/^160000 [0-9a-f]* [0-9]	//p' >"$own/inner"
while IFS= read -r path; do
  inner=$(printf '%s' "$path" | tr '\001' '\n')
  [ -e "$inner/.git" ] || continue
  now=$(
    unset GIT_INDEX_FILE GIT_OBJECT_DIRECTORY
    export GIT_DIR="$PWD/$inner/.git" GIT_WORK_TREE="$PWD/$inner"
    git status --porcelain 2>&1 | head -n 1
    git rev-parse -q --verify HEAD
  )
  [ "$now" = "$(git rev-parse -q --verify "$base:$inner")" ] ||
    tell "$path" "it is a repository of its own; what changed in it is not in the patch."
done <"$own/inner"

if [ -z "$each" ]; then
  difference || exit 5
  exit 0
fi
changed >"$own/changed"
while IFS= read -r path; do
  name=$(printf '%s' "$path" | tr '\001' '\n')
  if difference ":(top,literal)$name" >"$own/one" 2>"$own/said"; then
    cat "$own/one"
  else
    tell "$path" "git cannot compare it: $(tail -n 1 "$own/said")"
  fi
done <"$own/changed"
