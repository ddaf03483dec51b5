#!/usr/bin/env bash
# Every lesson on this GB10, its evidence written into the ledgers. A step that fails is evidence too; any other
# end but a good one is none. Arguments go to `gb10docs run`: with --dry-run it only says what would run.
set -euo pipefail
cd "$(dirname "$0")/.."

listed=$(.venv/bin/gb10docs list)
mapfile -t pages < <(awk -F '  ' '{ print $1 }' <<<"$listed")
status=0
.venv/bin/gb10docs run --target gb10 --record --recorded-by "${RECORDED_BY:-}" --keep-going "$@" -- "${pages[@]}" ||
  status=$?
((status <= 1))
