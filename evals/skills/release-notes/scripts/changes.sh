#!/bin/sh
# The commits since the last tag in the house style: features before fixes, nothing else.
last=$(git describe --tags --abbrev=0)
echo "Since $last"
git log --reverse --format=%s "$last.." | sed -n 's/^feat: /+ /p'
git log --reverse --format=%s "$last.." | sed -n 's/^fix: /! /p'
