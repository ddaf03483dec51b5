#!/usr/bin/env bash
# Every lesson on this GB10, its evidence written into the ledgers. A step that fails is evidence too.
set -euo pipefail
cd "$(dirname "$0")/.."

mapfile -t pages < <(.venv/bin/gb10docs list | cut -d ' ' -f 1)
status=0
.venv/bin/gb10docs run "${pages[@]}" --target gb10 --record --recorded-by "$RECORDED_BY" --keep-going || status=$?
((status <= 1))
