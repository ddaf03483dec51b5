# What a session runs before its first step. Only builtins, each called as one, and every word quoted:
# a snippet may redefine any command, change IFS, or leave any option set.

BASH_ARGV0=bash
__gb10docs_status=0
__gb10docs_failure=
__gb10docs_flags=

# Called by the ERR trap with $?, LINENO, BASH_COMMAND and PIPESTATUS.
# Returns 0 where nothing failed, 1 where the file must stop, 2 at the driver's own level.
__gb10docs_failed() {
  builtin local "status=$1" "line=$2" "count=$(($# - 3))" part=0 failed=0
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
  __gb10docs_failure= __gb10docs_status=0 __gb10docs_flags=
  builtin set -E -o pipefail
  builtin trap '__gb10docs_failed "$?" "$LINENO" "$BASH_COMMAND" "${PIPESTATUS[@]}" || case $? in 1) builtin set +e; builtin return "$__gb10docs_status";; *) builtin set +e;; esac' ERR
}

# Everything the runner wants to know after a step, as five records to the path $1. Each command is redirected by
# itself: the DEBUG trap of a snippet may run before it, and what that prints is no answer.
__gb10docs_report() {
  builtin set +xv
  __gb10docs_restore_trace
  builtin printf '%s\0' "$__gb10docs_ended" "$__gb10docs_flags" "$SHELLOPTS" "$__gb10docs_failure" >"$1"
  builtin trap -p ERR >"$1"
  builtin printf '\0' >"$1"
}

# Before the report, the driver's line pointed BASH_XTRACEFD at /dev/null, so that none of this is traced. That closed
# the descriptor of the snippet's own, of which the line had made a copy.
__gb10docs_restore_trace() {
  if ((__gb10docs_fd == 2)); then
    builtin unset BASH_XTRACEFD
  else
    builtin eval "builtin exec $__gb10docs_fd>&$__gb10docs_copy"
    BASH_XTRACEFD=$__gb10docs_fd
  fi
  ((__gb10docs_copy == 2)) || builtin exec {__gb10docs_copy}>&-
}

# What a Python step inherits, as four records to the path $1.
__gb10docs_surroundings() {
  builtin umask >"$1"
  builtin printf '\0' >"$1"
  builtin type -P python >"$1"
  builtin printf '\0' >"$1"
  builtin declare -px >"$1"
  builtin printf '\0' >"$1"
}
