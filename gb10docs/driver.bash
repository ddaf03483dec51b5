# What a session runs before its first step. Only builtins, each called as one, and every word quoted:
# a snippet may redefine any command, change IFS, or leave any option set.
#
# Nothing of this may show in a snippet's streams, though the snippet may have tracing on and a DEBUG trap set. So
# whatever is called while that may be so stands in a group whose redirections, which are never traced, first do what
# has to be done: note the options in __gb10docs_flags, keep a copy of the descriptor that traces go to, and let traces
# and output go nowhere. What is called then switches tracing off and puts the descriptor back.

BASH_ARGV0=bash
__gb10docs_status=0
__gb10docs_failure=
__gb10docs_flags=

# Called by the ERR trap with $?, LINENO and PIPESTATUS.
# Returns 0 where nothing failed, 1 where the file must stop, 2 at the driver's own level.
__gb10docs_failed() {
  builtin set +ex
  __gb10docs_restore_trace
  builtin local "status=$1" "line=$2" "count=$(($# - 2))" part=0 failed=0
  builtin shift 2
  while (($#)); do
    part=$((part + 1))
    # 141 in any part but the last is SIGPIPE: a reader that had enough, no failure.
    if (($1 != 0 && !($1 == 141 && $# > 1))); then
      failed=$part status=$1
      builtin break
    fi
    builtin shift
  done
  if ((failed)); then
    ((${#FUNCNAME[@]} > 2)) || builtin return 2
    __gb10docs_status=$status
    __gb10docs_failure+="$line $failed $count ${BASH_SOURCE[1]}"$'\n'
    builtin return 1
  fi
  builtin local "flags=$__gb10docs_flags"
  __gb10docs_flags=
  if [[ $flags == *x* ]]; then
    builtin set -x
  fi
}

__gb10docs_arm() {
  __gb10docs_failure= __gb10docs_status=0 __gb10docs_flags=
  builtin set -E -o pipefail
  builtin trap '{ __gb10docs_failed "$?" "$LINENO" "${PIPESTATUS[@]}" || case $? in 1) builtin return "$__gb10docs_status";; esac; } {__gb10docs_copy}>&"$((__gb10docs_ended=$?,__gb10docs_fd=${BASH_XTRACEFD:-2}))" {BASH_XTRACEFD}>|/dev/null <<<"${__gb10docs_flags:=$-}" >|/dev/null 2>&1 || { __gb10docs_fd=2 __gb10docs_copy=2; __gb10docs_failed "$__gb10docs_ended" "$LINENO" "$__gb10docs_ended" || case $? in 1) builtin return "$__gb10docs_status";; esac; }' ERR
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

# Pointing BASH_XTRACEFD elsewhere has closed the descriptor that the snippet gave it.
__gb10docs_restore_trace() {
  if ((__gb10docs_fd == 2)); then
    builtin unset BASH_XTRACEFD
  else
    builtin eval "builtin exec $__gb10docs_fd>&$__gb10docs_copy"
    BASH_XTRACEFD=$__gb10docs_fd
  fi
  ((__gb10docs_copy == 2)) || builtin exec {__gb10docs_copy}>&-
}

# What a Python step inherits, as three records to the path $1.
__gb10docs_surroundings() {
  builtin umask >"$1"
  builtin printf '\0' >"$1"
  builtin type -P python >"$1" || builtin true
  builtin printf '\0' >"$1"
  builtin declare -px >"$1"
  builtin printf '\0' >"$1"
}
