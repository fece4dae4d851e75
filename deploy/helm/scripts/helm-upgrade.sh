#!/usr/bin/env bash
# Upgrades one Helm release to one version of its chart, which was staged before.
#
#   helm-upgrade.sh RELEASE NAMESPACE FROM CHART SHA256
#
#   RELEASE, NAMESPACE  which release, and where
#   FROM                what it is now, as "helm list" names its chart: web-1.0.0. What
#                       was released since is not undone
#   CHART, SHA256       the packed chart, NAME-VERSION.tgz, and its sum
#   REMEDIATED_ATTEMPT  names this upgrade: run again under the same name it goes on
#                       where it was, and never upgrades twice
#   TIMEOUT             how long Helm waits for the release to come up, and once more
#                       for it to go back; twice that is less than the Job has
#
# The first five are arguments, and not variables, which a policy sets and so an alert
# could: what is run was written into the template by whoever staged it.
set -euo pipefail
# shellcheck source=common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

# staged wants that the chart is the one that was meant, to the last byte.
staged() {
  local sum is
  [[ $CHART == /*.tgz ]] || refuse "CHART is \"$CHART\": want the file of a packed chart, named as helm package names it, such as /opt/chart/web-1.0.1.tgz"
  [[ $SHA256 =~ ^[0-9a-f]{64}$ ]] || refuse "SHA256 is \"$SHA256\": want what sha256sum says of $CHART"
  [[ -f $CHART ]] || refuse "there is no $CHART: stage it first"
  sum=$(sha256sum <"$CHART")
  [[ ${sum%% *} == "$SHA256" ]] || refuse "the sum of $CHART is ${sum%% *}: it is not what was staged"
  is=$(helm show chart "$CHART" | tr -d '"' | awk '$1 == "name:" && /^name/ {name = $2} $1 == "version:" && /^version/ {version = $2} END {print name "-" version}')
  [[ $is == "$TO" ]] || refuse "$CHART is $is: name it so"
}

# begun REVISION: this attempt has begun before, with that revision.
begun() {
  local from=$1 went
  if ((newest == from)); then
    return 0 # Helm has not
  fi
  went=$(of "[map(select(.revision == $from + 1))[0].chart]")
  if [[ $went == "$TO" ]]; then
    case $((newest - from)) in
      1) upgraded "$from" ;;
      2) [[ $description != "Rollback to "* && $status != failed ]] || wentback "$from" ;;
    esac
  fi
  refuse "revision $from was to be upgraded by this attempt, and somebody else has changed the release since: it is at $newest, \"$description\""
}

# upgraded REVISION: Helm began to upgrade it, and nothing came after.
upgraded() {
  case $status in
    deployed)
      say "revision $1 of $RELEASE was upgraded to $TO by this attempt already"
      exit 0
      ;;
    pending-*) refuse "this attempt was broken off while Helm was at it: revision $newest is $status; see with helm status how far it came" ;;
  esac
  refuse "this attempt has upgraded revision $1 already, and that is $status: \"$description\""
}

# wentback REVISION: upgrading it failed, and Helm began to put it back.
wentback() {
  case $status in
    deployed) refuse "this attempt has upgraded revision $1 already, that failed, and Helm has put it back: \"$description\"" ;;
  esac
  refuse "this attempt has upgraded revision $1 already, that failed, and putting it back is $status: see with helm status how far it came"
}

# fresh: this attempt has not begun.
fresh() {
  local vain
  idle
  if [[ $status == deployed && $chart == "$TO" ]]; then
    say "$RELEASE is at $TO already, since revision $newest: nothing is done"
    exit 0
  fi
  vain=$(of '[[.[:-1], .[1:]] | transpose | map(select(.[0].up != "" and .[1].status == "failed" and .[1].chart == env.TO)) | .[-1][0].up]')
  [[ -z $vain ]] || refuse "$vain has upgraded to $TO in vain: it fails, too, and what to run is for people to choose"
  [[ $chart == "$FROM" ]] || refuse "$RELEASE is $chart, and $TO was staged for $FROM: stage what is meant for it now"
}

(($# == 5)) || refuse "want RELEASE NAMESPACE FROM CHART SHA256, as the template has them"
readonly RELEASE=$1 NAMESPACE=$2 FROM=$3 CHART=$4 SHA256=$5
TO=$(basename "$CHART" .tgz)
export TO
named RELEASE
named NAMESPACE
versioned FROM
versioned TO
attempted
staged

read_revisions up
if ((mine)); then begun "$mine"; else fresh; fi

# Helm puts back what it deployed last. Where that is not what runs now, it is what was
# before, to which nobody wanted to go back.
back=()
[[ $status != deployed ]] || back=(--rollback-on-failure)

((mine)) || marked remediated/upgraded
say "upgrading $RELEASE from revision $newest, $chart, to $TO"
helm upgrade "$RELEASE" "$CHART" --namespace="$NAMESPACE" --reset-then-reuse-values --wait "${back[@]}" --timeout="$TIMEOUT" --history-max=0 >&2
say "$RELEASE is at $TO"
