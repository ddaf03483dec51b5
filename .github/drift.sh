#!/usr/bin/env bash
# One open issue that says what has drifted; where nothing has, none is opened.
set -euo pipefail
cd "$(dirname "$0")/.."

title="Pins or evidence have drifted"
status=0
report=$(.venv/bin/gb10docs evidence drift) || status=$?
printf '%s\n' "$report"
if ((status != 1)); then
  exit "$status"
fi
number=$(gh issue list --state open --search "in:title \"$title\"" --json number,title |
  jq -r --arg title "$title" 'map(select(.title == $title))[0].number // empty')
if [[ -n $number ]]; then
  gh issue edit "$number" --body-file - <<<"$report"
else
  gh issue create --title "$title" --body-file - <<<"$report"
fi
