# What a session runs before its first step. Only builtins, each called as one, and every word quoted:
# a snippet may redefine any command, change IFS, or leave any option set.
#
# Nothing of this may show in a snippet's streams, though the snippet may have tracing on and a DEBUG trap set. So
# whatever is called while that may be so stands in a group whose redirections, which are never traced, first do what
# has to be done: note the options in __gb_flags, keep a copy of the descriptor that traces go to, and let traces
# and output go nowhere. What is called then switches tracing off and puts the descriptor back.

# Sourced with the paths of two pipes: for what is reported of a step, and for what a Python step inherits.

BASH_ARGV0=bash
builtin readonly "__gb_answers=$1" "__gb_told=$2"
__gb_status=0
__gb_failure=
__gb_flags=

# Called by the ERR trap with $?, LINENO and PIPESTATUS.
# Returns 0 where nothing failed, 1 where the file must stop, 2 at the driver's own level.
__gb_failed() {
  builtin set +ex
  __gb_restore_trace
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
    __gb_status=$status
    __gb_failure+="$line $failed $count ${BASH_SOURCE[1]}"$'\n'
    builtin return 1
  fi
  builtin local "flags=$__gb_flags"
  __gb_flags=
  if [[ $flags == *x* ]]; then
    builtin set -x
  fi
}

__gb_arm() {
  __gb_failure= __gb_status=0 __gb_flags=
  builtin set -E -o pipefail
  builtin trap '{ __gb_failed "$?" "$LINENO" "${PIPESTATUS[@]}" || case $? in 1) builtin return "$__gb_status";; esac; } {__gb_copy}>&"$((__gb_ended=$?,__gb_fd=${BASH_XTRACEFD:-2}))" {BASH_XTRACEFD}>|/dev/null <<<"${__gb_flags:=$-}" >|/dev/null 2>&1 || { __gb_fd=2 __gb_copy=2; __gb_failed "$__gb_ended" "$LINENO" "$__gb_ended" || case $? in 1) builtin return "$__gb_status";; esac; }' ERR
}

# Everything the runner wants to know after a step, as five records. Each command is redirected by
# itself: the DEBUG trap of a snippet may run before it, and what that prints is no answer.
__gb_report() {
  builtin set +xv
  __gb_restore_trace
  builtin trap -p ERR >"$__gb_answers"
  builtin printf '\0%s\0%s\0%s\0%s\0' "$__gb_ended" "$__gb_flags" "$SHELLOPTS" "$__gb_failure" >"$__gb_answers"
}

# The same, where the snippet has closed the descriptor that it traces to: nothing is traced then.
__gb_untraced() {
  __gb_fd=2 __gb_copy=2
  __gb_report
}

# Pointing BASH_XTRACEFD elsewhere has closed the descriptor that the snippet gave it.
__gb_restore_trace() {
  if ((__gb_fd == 2)); then
    builtin unset BASH_XTRACEFD
  else
    builtin eval "builtin exec $__gb_fd>&$__gb_copy"
    BASH_XTRACEFD=$__gb_fd
  fi
  ((__gb_copy == 2)) || builtin exec {__gb_copy}>&-
}

# What a Python step inherits, to a pipe of its own, and to the other that it is all there: bash writes line by line,
# and the runner would wake up for each.
__gb_tell() {
  builtin umask >"$__gb_told"
  builtin type -P python >"$__gb_told" || builtin true
  builtin declare -px >"$__gb_told"
  builtin printf '\0' >"$__gb_answers"
}
