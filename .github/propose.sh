#!/usr/bin/env bash
# A pull request with the ledgers that a GB10 has recorded, and nothing but ledgers.
set -euo pipefail
cd "$(dirname "$0")/.."

changed=$(git status --porcelain --untracked-files=all)
if [[ -z $changed ]]; then
  echo "the ledgers are as they were"
  exit 0
fi
if grep -v '^.. docs/evidence/[a-z0-9/-]*/gb10\.json$' <<<"$changed"; then
  echo "these are no ledgers of a GB10" >&2
  exit 1
fi
# It ends with 2 where another ledger cannot be read, which holds up none of these.
summary=$(.venv/bin/gb10docs evidence status) || (($? == 2))

git switch --create "$BRANCH"
git add docs/evidence
git -c user.name="github-actions[bot]" -c user.email="41898282+github-actions[bot]@users.noreply.github.com" \
  commit --message "Evidence from a GB10"
gh auth setup-git # the checkout keeps no token
git push origin "$BRANCH"
gh pr create --base "$BASE" --head "$BRANCH" --title "Evidence from a GB10" --body-file - <<END
Recorded by the workflow \`gb10\`. Look the ledgers over before you merge: they are public.

\`\`\`text
$summary
\`\`\`
END
