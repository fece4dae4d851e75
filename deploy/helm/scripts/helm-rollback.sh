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
# that nobody has rolled back from by this script. That is kept as a label of the
# Secret in which Helm keeps the revision, for Helm keeps labels, and is written before
# Helm begins.
set -euo pipefail

readonly mark=remediated/rolled-back # REVISION.ATTEMPT: Helm gives labels on to the next revision, where the number does not fit

say() { printf '%s %s\n' "$(date -u +%FT%TZ)" "$*" >&2; }

# refuse ends what was asked for what it must not or cannot do.
refuse() {
  say "refused: $*"
  exit 2
}

# named VARIABLE: what an alert has told must be a plain name.
named() {
  [[ -n ${!1:-} ]] || refuse "$1 is not set"
  [[ ${!1} =~ ^[a-z0-9]([-a-z0-9.]{0,51}[a-z0-9])?$ ]] || refuse "$1 is \"${!1}\", which is no name"
}

# revisions is what Helm knows of the release, and who rolled back from which of them.
revisions() {
  local history marks
  history=$(helm history "$RELEASE" --namespace="$NAMESPACE" --max=256 --output=json)
  marks=$(kubectl get secrets --namespace="$NAMESPACE" --selector="owner=helm,name=$RELEASE" --output=json |
    jq --arg mark "$mark" '[.items[].metadata.labels as $l | $l[$mark] // "" | select(startswith($l.version + ".")) | {key: $l.version, value: sub("^[0-9]+[.]"; "")}] | from_entries')
  jq --argjson marks "$marks" 'map({revision, status, description, by: ($marks[.revision | tostring] // "")}) | sort_by(.revision)' <<<"$history"
}

# of FILTER asks what is known of the revisions.
of() { jq --raw-output "$1" <<<"$known"; }

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

named RELEASE
named NAMESPACE
[[ -n ${REMEDIATED_ATTEMPT:-} ]] || refuse "REMEDIATED_ATTEMPT is not set: it names the rollback"
[[ ${TIMEOUT:-} =~ ^[1-9][0-9]*[sm]$ ]] || refuse "TIMEOUT is \"${TIMEOUT:-}\": want for example 4m"

known=$(revisions)
newest=$(of '.[-1].revision // 0')
status=$(of '.[-1].status // ""')
description=$(of '.[-1].description // ""')
mine=$(of 'map(select(.by == env.REMEDIATED_ATTEMPT)) | .[-1].revision // 0')

if ((mine)); then
  begun "$mine"
else
  by=$(of '.[-1].by // ""')
  [[ -z $by ]] || refuse "revision $newest is being rolled back by $by, or was to be"
  case $status in
    deployed | failed) ;;
    pending-*) refuse "revision $newest is $status: somebody is at work on it, or was broken off" ;;
    *) refuse "revision $newest is \"$status\": there is nothing to roll back" ;;
  esac
  by=$(of "map(select(.revision == $newest - 1)) | .[0].by // \"\"")
  [[ -z $by || $description != "Rollback to "* && $status != failed ]] || refuse "revision $newest is what $by rolled back to: that fails, too, and what was before it is for people to choose"
fi

good=$(of ".[:-1] | map(select((.status == \"deployed\" or .status == \"superseded\") and .by == \"\")) | .[-1].revision // 0")
((good)) || refuse "no revision of $RELEASE before $newest was good: what to run is for people to choose"

((mine)) || kubectl label secret "sh.helm.release.v1.$RELEASE.v$newest" --namespace="$NAMESPACE" "$mark=$newest.$REMEDIATED_ATTEMPT" >/dev/null
say "rolling $RELEASE back from revision $newest to $good"
helm rollback "$RELEASE" "$good" --namespace="$NAMESPACE" --wait --timeout="$TIMEOUT" --history-max=0 >&2
say "$RELEASE is back to what revision $good was"
