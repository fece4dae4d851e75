#!/usr/bin/env bash
# Puts a Helm release back to its last good revision, as Helm's own history has it.
#
#   RELEASE, NAMESPACE  which release, and where
#   REMEDIATED_ATTEMPT  names this rollback: run again under the same name it goes on
#                       where it was, and never rolls back twice
#   TIMEOUT             how long Helm waits for the release to come up; less than the
#                       Job has
#
# Good is a revision that Helm has deployed, that is older than the present one, and
# that nobody has rolled back from, or upgraded, by these scripts.
set -euo pipefail
# shellcheck source=common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

# begun REVISION: this attempt has begun before, with that revision.
begun() {
  local from=$1
  if ((newest == from)); then
    return 0 # Helm has not
  fi
  if ((newest != from + 1)) || [[ $description != "Rollback to "* && $status != failed ]]; then
    refuse "revision $from was to be rolled back by this attempt, and somebody else has changed the release since: it is at $newest, \"$description\""
  fi
  case $status in
    deployed)
      say "revision $from of $RELEASE was rolled back by this attempt already: \"$description\""
      exit 0
      ;;
    pending-*) refuse "this attempt was broken off while Helm was at it: revision $newest is $status; see with helm status how far it came" ;;
  esac
  refuse "this attempt has rolled back from $from already, and that is $status: \"$description\""
}

# fresh: this attempt has not begun.
fresh() {
  idle
  [[ -z $back || $description != "Rollback to "* && $status != failed ]] || refuse "revision $newest is what $back rolled back to: that fails, too, and what was before it is for people to choose"
  [[ -z $up ]] || refuse "revision $newest is what $up upgraded to, for what was before it was not to be gone back to: what to run is for people to choose"
}

named RELEASE
named NAMESPACE
attempted

read_revisions back
IFS=$'\x1f' read -r back up good <<<"$(of '[.[-2].back, .[-2].up, (.[:-1] | map(select((.status == "deployed" or .status == "superseded") and .back == "" and .up == "")) | .[-1].revision // 0)]')"
if ((mine)); then begun "$mine"; else fresh; fi

((good)) || refuse "no revision of $RELEASE before $newest was good: what to run is for people to choose"

((mine)) || marked remediated/rolled-back
say "rolling $RELEASE back from revision $newest to $good"
helm rollback "$RELEASE" "$good" --namespace="$NAMESPACE" --wait --timeout="$TIMEOUT" --history-max=0 >&2
say "$RELEASE is back to what revision $good was"
