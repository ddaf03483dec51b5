# What a session runs before its first step. Only builtins, each called as one, and every word quoted:
# a snippet may redefine any command, change IFS, or leave any option set.

__gb10docs_status=0
__gb10docs_failure=

# Called by the ERR trap with $?, LINENO, BASH_COMMAND and PIPESTATUS.
# Returns 0 where nothing failed, 1 where the file must stop, 2 at the driver's own level.
__gb10docs_failed() {
  builtin local "status=$1" "line=$2" "command=$3" "count=$(($# - 3))" part=0 failed=0
  builtin shift 3
  while (($#)); do
    part=$((part + 1))
    # 141 in any part but the last is SIGPIPE: a reader that had enough, no failure.
    if (($1 != 0 && !($1 == 141 && $# > 1))); then
      failed=$part status=$1
      builtin break
    fi
    builtin shift
  done
  ((failed)) || builtin return 0
  ((${#FUNCNAME[@]} > 2)) || builtin return 2
  __gb10docs_status=$status
  __gb10docs_failure+="$line $failed $count ${BASH_SOURCE[1]}"$'\n'
  builtin return 1
}

__gb10docs_arm() {
  __gb10docs_failure= __gb10docs_status=0
  builtin set -E -o pipefail
  builtin trap '__gb10docs_failed "$?" "$LINENO" "$BASH_COMMAND" "${PIPESTATUS[@]}" || case $? in 1) builtin set +e; builtin return "$__gb10docs_status";; *) builtin set +e;; esac' ERR
}

# Everything the runner wants to know after a step.
__gb10docs_report() {
  builtin printf '%s\0' "$1" "$2" "$SHELLOPTS" "$__gb10docs_failure"
  builtin trap -p ERR
  builtin printf '\0'
}

# The environment that a Python step inherits.
__gb10docs_environment() {
  builtin printf '%s\0' "$PWD"
  builtin type -P python
  builtin printf '\0'
  builtin declare -px
  builtin printf '\0'
}
