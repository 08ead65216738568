# attempts.sh GOAL MORE DONE COMMAND [ARGUMENTS]: run a command line, which reads how far to go in $GOAL.
# The last attempt goes MORE beyond what the command line DONE prints; the ones before are
# interrupted, and so have more to do than they can: GOAL.
named() { printf '%s' "$TRAINYARD_LATEST_CHECKPOINT" | grep -o '[0-9]*' | tail -n 1; }
GOAL=$1
if test "$TRAINYARD_ATTEMPT" -ge "$LAST_ATTEMPT"; then
    GOAL=$(expr "0$(eval "$3")" + "$2")
fi
export GOAL
command=$4
shift 4
eval "$command"
