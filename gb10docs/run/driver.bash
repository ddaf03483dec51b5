# What a session runs before its first step. Only builtins, each called as one, every word quoted and every variable
# named __gb_: a snippet may redefine any command, make any name readonly, change IFS, or leave any option set.
#
# Two guards see a step's failures. `set -e`, which a reader's script has, stops at errors for which bash runs no trap
# (`${x!y}`, a readonly variable, no match under failglob), and whether it is in force tells a command substitution,
# where bash goes on after a failure, from a subshell, where it does not. The ERR trap runs before it: it notes where
# the failure is and returns from the file, so that the session lives on.
#
# Nothing of this may show in a snippet's streams, though the snippet may have tracing on and a DEBUG trap set. So
# whatever is called while that may be so stands in a group whose redirections, which are never traced, first do what
# has to be done: keep $? and a copy of the descriptor that traces go to, and let traces and output go nowhere.
# What is called then switches tracing off and puts the descriptor back. Where a snippet has closed that descriptor, or
# has left no room for another, they fail, and bash expands them once more to say so: so only the first $? is kept.

# Sourced with the paths of two pipes: for what is reported of a step, and for what a Python step inherits.

# $0 would be the path of the pipe that the session reads.
BASH_ARGV0=bash
builtin readonly "__gb_answers=$1" "__gb_told=$2"

# What follows __gb_failed in the trap: only what the trap itself runs can return from the file, and only there, not in
# a function, is the DEBUG trap of the snippet seen.
__gb_then='|| case $? in 1) builtin return "$__gb_stopped";; 2) __gb_spare "$(builtin trap -p DEBUG)";; esac; }'
# The last line is for redirections that fail.
builtin readonly __gb_trap='{ __gb_failed "$?" "${LINENO-}" "${PIPESTATUS[@]}" '"$__gb_then"\
' {__gb_copy}>&"$((__gb_was<0?__gb_was=$?:0,__gb_window=__gb_spared,__gb_fd=${BASH_XTRACEFD:-2}))"'\
' {BASH_XTRACEFD}>|/dev/null >|/dev/null 2>&1'\
' || { __gb_failed "$((__gb_fd=__gb_copy=2,__gb_was))" "${LINENO-}" "$__gb_was" '"$__gb_then"

__gb_arm() {
  __gb_failures= __gb_stopped= __gb_flags= __gb_through=0 __gb_spared=0 __gb_was=-1 __gb_ended=-1
  builtin trap "$__gb_trap" ERR
  builtin set -eE -o pipefail
}

# Called by the ERR trap with $?, LINENO and PIPESTATUS. Returns 0 where bash may go on as it would without us, 1 where
# the file must stop, 2 where a pipe is spared.
__gb_failed() {
  __gb_flags=${__gb_flags:-$-} __gb_was=-1
  builtin set +x
  __gb_restore_trace
  if ((${#FUNCNAME[@]} == 2 && BASH_SUBSHELL == 0)); then
    # The driver's own level: the file has ended, perhaps for a trailing `[[ x ]] && y`. The shell must not.
    __gb_through=1
    builtin set +e
    builtin return 0
  fi
  __gb_find "$@"
  ((__gb_part)) || builtin return 2
  # Without -e bash goes on: in a command substitution, and after the snippet's own `set +e`. A subshell ends by -e.
  if [[ ${__gb_flags%%e*} != "$__gb_flags" ]] && ((BASH_SUBSHELL == 0)); then
    __gb_failures+="$2 $__gb_part $__gb_parts ${BASH_SOURCE[1]-}"$'\n'
    # The first status is that of the file: one that fails in a signal's trap while it looks at a condition goes on.
    __gb_stopped=${__gb_stopped:-$__gb_status}
    builtin return 1
  fi
  __gb_go_on
}

# Finds the part of a pipe that has failed, of how many parts, and its status; part 0 if none has.
__gb_find() {
  __gb_part=0 __gb_parts=$(($# - 2)) __gb_code=$1 __gb_piped=0
  builtin shift 2
  while (($#)); do
    (($1 == 0)) || __gb_piped=$1
    # 141 in any part but the last is SIGPIPE: a reader that had enough, no failure.
    if ((__gb_part == 0 && $1 != 0 && ($1 != 141 || $# == 1))); then
      __gb_part=$((__gb_parts - $# + 1)) __gb_status=$1
    fi
    builtin shift
  done
  if ((__gb_piped != __gb_code)); then
    # Bash sets PIPESTATUS for no compound command: this is still that of an earlier pipe.
    __gb_part=1 __gb_parts=1 __gb_status=$__gb_code
    # Where none but the redirection of one has failed, LINENO too is that of an earlier command.
    case ${BASH_COMMAND-} in '[['* | '(('*) ;; *) __gb_parts=0 ;; esac
  elif ((__gb_window && __gb_code == 141 && __gb_parts == 1)) && [[ ${BASH_COMMAND::1} != '(' ]]; then
    # No command but perhaps a subshell has come since a pipe was spared: a function that ends with it hands its 141 on.
    __gb_part=0
  fi
}

# Called where a pipe is spared, with the snippet's own DEBUG trap as `trap -p` prints it. Switches -e off, which would
# end the shell, and lets a DEBUG trap switch it on and put the own trap back before the next command. What comes
# between is the word list of a `for`: there alone a command substitution is taken for a subshell.
__gb_spare() {
  builtin set +e
  __gb_spared=1
  # A subshell that ends here would hand its 141 on, and fail the command that it stands in. `trap -p` prints the EXIT
  # trap of the session too, which is none of the subshell's: no telling, so there it does.
  if ((BASH_SUBSHELL)) && [[ $(builtin trap -p EXIT) != "trap -- '"* ]]; then
    builtin trap '{ __gb_leave "$?"; } {BASH_XTRACEFD}>|/dev/null >|/dev/null 2>&"$((__gb_window=__gb_spared,1))"' EXIT
  fi
  # In posix mode `trap -p` prints one that is not set as `-`.
  if [[ $1 == "trap -- '"* ]]; then
    builtin eval "builtin set -- \"\$1\" $1"
    builtin trap "__gb_spared=0; builtin $1; __gb_go_on; $4" DEBUG
  else
    builtin trap '__gb_spared=0; builtin trap - DEBUG; __gb_go_on' DEBUG
  fi
}

__gb_leave() {
  (($1 != 141 || !__gb_window)) || builtin exit 0
}

# Goes on with the snippet, with the options that it had.
__gb_go_on() {
  __gb_had=$__gb_flags __gb_flags=
  if [[ ${__gb_had%%e*} != "$__gb_had" ]]; then
    builtin set -e
  fi
  if [[ ${__gb_had%%x*} != "$__gb_had" ]]; then
    builtin set -x
  fi
}

# Everything the runner wants to know after a step, as six records. Each command is redirected by
# itself: the DEBUG trap of a snippet may run before it, and what that prints is no answer.
__gb_report() {
  __gb_flags=${__gb_flags:-$-}
  builtin set +exv
  __gb_restore_trace
  builtin trap -p ERR >"$__gb_answers"
  builtin printf '\0%s\0%s\0%s\0%s\0%s\0' "${__gb_stopped:-$__gb_ended}" "$__gb_flags" "$SHELLOPTS" "$__gb_failures" "$__gb_through" >"$__gb_answers"
}

# The same where those redirections fail: nothing is traced then.
__gb_untraced() {
  builtin set +x
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
