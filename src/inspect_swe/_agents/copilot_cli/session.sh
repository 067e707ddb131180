# What a prompt of Copilot CLI goes through: sh -c THIS sh CONFIG SESSION new|again COMMAND...
# A session that is not there, or was killed before it was written, would begin anew with the last prompt alone.
first=$1/prompt-$2
if [ "$3" = new ]; then
  cat >"$first" && exec <"$first"
elif ! grep -qs '"user.message"' "$1/session-state/$2/events.jsonl"; then
  [ -f "$first" ] || { echo "There is no session $2." >&2; exit 1; }
  { cat "$first"; printf '\n\n'; cat; } >"$first.again" && exec <"$first.again"
fi
shift 3
exec "$@"
