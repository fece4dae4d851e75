#!/usr/bin/env bash
# Rotates the credential by which a workload connects to PostgreSQL, in the pieces
# that the policy security-breach puts in order, and counts who uses it.
#
#   credential.sh scan    refuses where anything but what is known to be good runs
#   credential.sh new     makes a new password for the role that was not stolen
#   credential.sh retire  ends the stolen role, and whoever is connected by it
#   credential.sh count   tells how many are connected that are not the workload
#
#   ROLES        the two roles that take turns, such as "shop_a shop_b"
#   STOLEN       the one of them whose password was stolen; for new and retire
#   NAMESPACE, SECRET, DEPLOYMENT, SELECTOR  the workload, and where it finds its credential
#   KNOWN_GOOD   the containers of a pod of it as JSON, as README.md makes it
#   APPLICATION  a regular expression for the application_name of its sessions
#   PUSHGATEWAY_URL  where it is told who is connected, and since when a password is good
#
# Each may be run again: it comes to the same, but that `new` makes another password.
set -euo pipefail

say() { printf '%s %s\n' "$(date -u +%FT%TZ)" "$*" >&2; }

# refuse ends what was asked for what it must not or cannot do.
refuse() {
  say "refused: $*"
  exit 2
}

need() { [[ -n ${!1:-} ]] || refuse "$1 is not set: $2"; }

# query asks what is on stdin, as the role of PGUSER.
query() { psql --no-psqlrc --quiet --tuples-only --no-align --set=ON_ERROR_STOP=1 --dbname="${PGDATABASE:-postgres}" "$@"; }

# push ROLE hands the metrics on stdin to the Pushgateway. Those of the same name
# are replaced, the others of the role stay.
push() { curl --silent --show-error --fail --max-time 20 --retry 2 --data-binary @- "${PUSHGATEWAY_URL%/}/metrics/job/rotation/role/$1"; }

# other is the role that was not stolen.
other() {
  local a b more
  read -r a b more <<<"$ROLES"
  [[ -n $b && -z $more && $a != "$b" ]] || refuse "ROLES is \"$ROLES\": name two"
  case $STOLEN in
    "$a") printf '%s' "$b" ;;
    "$b") printf '%s' "$a" ;;
    *) refuse "STOLEN is \"$STOLEN\", which is none of $ROLES" ;;
  esac
}

# username is the role that the workload is told to use.
username() { kubectl get secret "$SECRET" --namespace="$NAMESPACE" --output=jsonpath='{.data.username}' | base64 --decode; }

# end_sessions ROLE ends all its sessions, also those that begin meanwhile.
end_sessions() {
  local ended
  for _ in {1..60}; do
    ended=$(query --variable=role="$1" <<<"SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = :'role'")
    [[ $ended != 0 ]] || return 0
    say "$ended sessions of $1 were told to end"
    sleep 0.5
  done
  refuse "the sessions of $1 do not end"
}

# unlike prints what is not as it is known to be: the Deployment, or one of its pods
# and whether it is there to stay.
unlike() {
  { kubectl get deployment "$DEPLOYMENT" --namespace="$NAMESPACE" --output=json
    kubectl get pods --selector="$SELECTOR" --namespace="$NAMESPACE" --output=json; } |
    jq --raw-output --argjson known "$KNOWN_GOOD" '
      def containers: [(.initContainers // [])[], .containers[], (.ephemeralContainers // [])[] | {name, image, command, args, env}];
      (select(.kind == "Deployment") | select((.spec.template.spec | containers) != $known) | "stays its template"),
      (select(.kind == "List") | .items[] | select((.spec | containers) != $known) | (if .metadata.deletionTimestamp then "goes" else "stays" end) + " " + .metadata.name)'
}

scan() {
  need KNOWN_GOOD "the containers as they should be, as JSON"
  local found
  for _ in {1..60}; do
    found=$(unlike)
    [[ -n $found ]] || { say "$DEPLOYMENT and its pods are as they are known to be" && return 0; }
    ! grep --quiet '^stays' <<<"$found" || break
    sleep 1 # what is being deleted still runs
  done
  refuse "$DEPLOYMENT is not what is known to be good: $(awk '{ printf "%s%s", (NR > 1 ? ", " : ""), substr($0, index($0, " ") + 1) }' <<<"$found")"
}

# new changes the password first: a Secret that names one which is not yet valid
# would keep out a workload that is started meanwhile. Whoever is still connected by
# that role knew an older password.
new() {
  local role NEW_PASSWORD
  role=$(other)
  need PUSHGATEWAY_URL "where it is told when the password was made"
  NEW_PASSWORD=$(od -An -N24 -tx1 /dev/urandom | tr -d ' \n')
  export NEW_PASSWORD # never an argument: those are seen by all processes
  query --variable=role="$role" <<'END'
\getenv password NEW_PASSWORD
ALTER ROLE :"role" LOGIN PASSWORD :'password';
END
  end_sessions "$role"
  ROLE=$role jq --null-input '{stringData: {username: env.ROLE, password: env.NEW_PASSWORD}}' |
    kubectl patch secret "$SECRET" --namespace="$NAMESPACE" --type=merge --patch-file=/dev/stdin >/dev/null
  push "$role" <<<"# TYPE postgres_credential_timestamp_seconds gauge
postgres_credential_timestamp_seconds $(date +%s)" || say "nobody was told when $role got its password"
  say "$role has a new password, and the Secret $NAMESPACE/$SECRET names it"
}

retire() {
  local role used
  role=$(other)
  used=$(username)
  [[ $used == "$role" ]] || refuse "the Secret $NAMESPACE/$SECRET names $used, not $role: make the new credential first"
  query --variable=stolen="$STOLEN" <<<'ALTER ROLE :"stolen" NOLOGIN PASSWORD NULL'
  end_sessions "$STOLEN"
  say "$STOLEN cannot log in any more, and nobody is connected by it"
}

# count leaves out what began this very second: its name may not be there yet.
count() {
  need APPLICATION "what the workload's sessions are called"
  need PUSHGATEWAY_URL "where it is told who is connected"
  local role sessions login
  for role in $ROLES; do
    IFS='|' read -r sessions login < <(query --variable=role="$role" --variable=application="$APPLICATION" <<'END'
SELECT (SELECT count(*) FROM pg_stat_activity WHERE usename = :'role' AND application_name !~ :'application' AND backend_start < now() - interval '1 second'),
  (SELECT count(*) FROM pg_roles WHERE rolname = :'role' AND rolcanlogin)
END
    ) || refuse "it was not answered who is connected by $role"
    {
      printf '# TYPE postgres_foreign_sessions gauge\npostgres_foreign_sessions %s\n' "$sessions"
      printf '# TYPE postgres_role_login gauge\npostgres_role_login %s\n' "$login"
      [[ $sessions == 0 ]] || printf '# TYPE postgres_foreign_session_timestamp_seconds gauge\npostgres_foreign_session_timestamp_seconds %s\n' "$(date +%s)"
    } | push "$role"
  done
}

need ROLES "the two roles that take turns, such as \"shop_a shop_b\""
case ${1:-} in
  count) count ;;
  scan) scan ;;
  new | retire)
    need STOLEN "which of the roles was stolen"
    "$1"
    ;;
  *) refuse "say what to do: scan, new, retire or count" ;;
esac
