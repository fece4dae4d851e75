# shellcheck shell=bash
# What the scripts of this folder share: how they speak, what they take for a name, and
# what Helm knows of a release. Nothing runs when this is read.

say() { printf '%s %s\n' "$(date -u +%FT%TZ)" "$*" >&2; }

# refuse ends what was asked for what it must not or cannot do.
refuse() {
  say "refused: $*"
  exit 2
}

# named VARIABLE: what an alert has told, or was set by hand, must be a plain name.
named() {
  [[ -n ${!1:-} ]] || refuse "$1 is not set"
  [[ ${!1} =~ ^[a-z0-9]([-a-z0-9.]{0,51}[a-z0-9])?$ ]] || refuse "$1 is \"${!1}\", which is no name"
}

# versioned VARIABLE: it must name a chart's version as "helm list" does, web-1.0.0.
versioned() { [[ ${!1:-} =~ ^[a-z0-9][-a-z0-9]*-v?[0-9]+\.[0-9]+\.[0-9]+([-+][-+.0-9A-Za-z]*)?$ ]] || refuse "$1 is \"${!1:-}\": want a chart and its version, such as web-1.0.0"; }

# attempted: what is done is done under a name, and for so long.
attempted() {
  [[ -n ${REMEDIATED_ATTEMPT:-} ]] || refuse "REMEDIATED_ATTEMPT is not set: it names what is done"
  [[ ${TIMEOUT:-} =~ ^[1-9][0-9]*[sm]$ ]] || refuse "TIMEOUT is \"${TIMEOUT:-}\": want for example 4m"
}

# read_revisions KIND reads what Helm knows of the release, oldest first, and which
# attempt has begun to roll back from a revision (.back), or to upgrade it (.up). That is
# a label of the Secret in which Helm keeps the revision, REVISION.ATTEMPT, for Helm keeps
# labels; and it gives them on to later revisions, where the number does not fit. mine
# is the revision with which this attempt has begun what KIND is, 0 when it has not.
read_revisions() {
  local history marks
  history=$(helm history "$RELEASE" --namespace="$NAMESPACE" --max=256 --output=json)
  marks=$(kubectl get secrets --namespace="$NAMESPACE" --selector="owner=helm,name=$RELEASE" --output=json |
    jq 'def mark($l; $name): $l[$name] // "" | select(startswith($l.version + ".")) // "" | sub("^[0-9]+[.]"; "");
      [.items[].metadata.labels | {key: .version, value: {back: mark(.; "remediated/rolled-back"), up: mark(.; "remediated/upgraded")}}] | from_entries')
  known=$(jq --argjson marks "$marks" 'map({revision, status, chart, description} + ($marks[.revision | tostring] // {back: "", up: ""})) | sort_by(.revision)' <<<"$history")
  # shellcheck disable=SC2034 # they are for whoever reads this file
  IFS=$'\x1f' read -r newest status chart description by mine <<<"$(of "(.[-1] // {}) as {\$revision, \$status, \$chart, \$description, \$back, \$up}
    | [\$revision // 0, \$status, \$chart, \$description, (\$back // \"\") + (\$up // \"\"), (map(select(.$1 == env.REMEDIATED_ATTEMPT)) | .[-1].revision // 0)]")"
}

# of FILTER asks what is known of the revisions for a list, and prints it in a line.
of() { jq --raw-output "$1 | map(. // \"\" | tostring | gsub(\"\\\\s+\"; \" \")) | join(\"\\u001f\")" <<<"$known"; }

# marked NAME writes that this attempt begins with the newest revision, before Helm does.
# What an older one has given on is written over.
marked() { kubectl label secret "sh.helm.release.v1.$RELEASE.v$newest" --namespace="$NAMESPACE" --overwrite "$1=$newest.$REMEDIATED_ATTEMPT" >/dev/null; }

# idle wants that nobody is at work on the release.
idle() {
  [[ -z $by ]] || refuse "revision $newest is being rolled back or upgraded by $by, or was to be: see with helm history whether Helm began"
  case $status in
    deployed | failed) ;;
    pending-*) refuse "revision $newest is $status: somebody is at work on it, or was broken off: see with helm status, and end it with helm rollback" ;;
    *) refuse "revision $newest is \"$status\": there is nothing to roll back or to upgrade" ;;
  esac
}
