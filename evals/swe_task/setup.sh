#!/bin/sh
# The repository's history.
set -e
git init --quiet --initial-branch main
git config user.name Ada
git config user.email ada@example.com

commit() {
  day=$1 message=$2
  shift 2
  git add "$@"
  GIT_AUTHOR_DATE="$day 12:00" GIT_COMMITTER_DATE="$day 12:00" git commit --quiet --message "$message"
}

commit 2024-03-01 'Read durations' .gitignore README.md durations/parsing.py
commit 2024-03-04 'Print durations' durations/formatting.py
commit 2024-03-05 'Add up time sheets' durations
commit 2024-04-12 'Test what was reported' tests
