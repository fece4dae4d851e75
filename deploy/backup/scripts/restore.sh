#!/usr/bin/env bash
# Restores PostgreSQL's data folder from the repository, to RESTORE_TO or, when
# that is empty, to the last thing that was written.
#
#   PGDATA              the data folder; the folder above it must be on the same volume
#   RESTORE_TO          such as 2026-01-14T10:30:00Z, or empty
#   REMEDIATED_ATTEMPT  what this restore is called: the same name is one restore
#   PGHOST, PGPORT      where the server answers when it runs
#   SERVER_SELECTOR     label selector of the server's pods; empty outside of Kubernetes
#   STOP_TIMEOUT        how many seconds a server that was told to stop may take to end; default 0
#
# All that can fail is done beside the data folder: fetching, replaying the WAL,
# reaching the time that was asked for. Only then the folders change names. What
# was there is kept as PGDATA.before-ATTEMPT; nothing but an unfinished copy of
# this same attempt is ever removed.
set -euo pipefail
# shellcheck source=common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
# shellcheck source=recover.sh
. "$(dirname "${BASH_SOURCE[0]}")/recover.sh"

need PGDATA "the data folder to restore"
need PGBACKREST_STANZA "the name of the cluster in the repository, such as main"
need PGHOST "where the server would answer, to be sure that it does not"
need REMEDIATED_ATTEMPT "what this restore is called; by hand, for example by-hand-1"
attempt=$REMEDIATED_ATTEMPT
[[ $attempt =~ ^[a-z0-9][a-z0-9-]{0,62}$ ]] || refuse "REMEDIATED_ATTEMPT is \"$attempt\", which is not lower case letters, digits and -"

data=${PGDATA%/}
new=$data.new-$attempt       # the copy that is being made
ready=$data.ready-$attempt   # it is whole
aside=$data.before-$attempt  # what was there
done=$data.restored-$attempt # the folders have changed names

# moment is RESTORE_TO as PostgreSQL and pgBackRest read it.
moment() {
  [[ -n ${RESTORE_TO:-} ]] || return 0
  [[ $RESTORE_TO =~ ^[0-9]{4}-[0-9]{2}-[0-9]{2}[T\ ][0-9:]{5,8}(\.[0-9]+)?(Z|[+-][0-9]{2}:?[0-9]{2})$ ]] ||
    refuse "RESTORE_TO is \"$RESTORE_TO\"; write it with its zone, as 2026-01-14T10:30:00Z"
  date --utc --date="$RESTORE_TO" '+%F %T.%6N+00' || refuse "RESTORE_TO is \"$RESTORE_TO\", which is no time"
}

# running says why a server may have the data folder open, and nothing when none
# can. A server that hangs does not answer and is there all the same: hence the
# look at the pods.
running() {
  local answer=0 pods
  pg_isready --quiet --timeout=3 || answer=$?
  case $answer in
    0 | 1) printf 'the server at %s still answers: scale it to 0 first' "$PGHOST" ;;
    2) ;;
    *) printf 'whether the server at %s runs is not known' "$PGHOST" ;;
  esac
  [[ $answer -eq 2 ]] || return 0
  if [[ -z ${SERVER_SELECTOR:-} ]]; then
    [[ ! -e $data/postmaster.pid ]] ||
      printf '%s/postmaster.pid is there: a server runs, or ended hard; be sure that none runs and move that file away' "$data"
  elif ! pods=$(kubectl get pods --selector="$SERVER_SELECTOR" --field-selector='status.phase!=Succeeded,status.phase!=Failed' --output=name); then
    printf 'which pods %s there are is not known' "$SERVER_SELECTOR"
  elif [[ -n $pods ]]; then
    printf 'the server'"'"'s pods are still there: %s; scale it to 0 first' "${pods//$'\n'/ }"
  fi
}

# no_server refuses while a server may have the data folder open, and gives one
# that was told to stop its time to end.
no_server() {
  local began=$SECONDS why
  until why=$(running) && [[ -z $why ]]; do
    ((SECONDS - began < ${STOP_TIMEOUT:-0})) || refuse "${why:-whether the server at $PGHOST runs is not known}"
    sleep 1
  done
}

# room refuses when the volume cannot hold the copy beside what is there.
room() {
  local size free
  size=$(pgbackrest --output=json info | jq --exit-status '.[0].backup[-1].info.size') || refuse "the repository has no backup"
  free=$(df --output=avail --block-size=1 "$(dirname "$data")" | tail -n 1)
  ((free > size + size / 10)) || refuse "the copy needs $(bytes "$size") and a tenth more beside $data, and $(bytes "$free") are free"
}

# unarchived gives the copy what the old folder still has of the WAL and the
# archive has not: after a server that ended hard, its last minute.
unarchived() {
  local file
  for file in "$data"/pg_wal/*; do
    [[ ${file##*/} =~ ^[0-9A-F]{24}$ && ! -e $data/pg_wal/archive_status/${file##*/}.done ]] || continue
    cp --no-clobber "$file" "$new/pg_wal/"
  done
}

# copy makes the restored folder beside the data folder, recovered and stopped.
# What it archives waits in the folder until the real server takes it to the
# repository: an attempt that is cut off leaves no timeline there.
copy() {
  local began=$SECONDS last
  rm -rf "$new"
  room
  fetch "$new" "$to" preserve
  unarchived
  open "$new" archive_mode=on archive_command= archive_library=
  last=$(ask postgres "SELECT coalesce(to_char(pg_last_xact_replay_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'), 'in the base backup')")
  shut "$new"
  sync
  printf 'restored to %s; last transaction: %s; took %ds\n' "${to:-the last thing written}" "$last" "$((SECONDS - began))" >"$ready.part"
  mv "$ready.part" "$ready"
}

# exchange renames the folders. It goes on wherever it was cut off.
exchange() {
  if [[ -e $new ]]; then
    if [[ -e $data ]]; then
      [[ ! -e $aside ]] || refuse "both $data and $aside are there: somebody made the first anew meanwhile"
      mv --no-target-directory "$data" "$aside"
    fi
    mv --no-target-directory "$new" "$data"
  fi
  sync
  mv "$ready" "$done"
}

# over stops the server of a copy that did not become whole.
over() {
  [[ -z ${private:-} || ! -d $private ]] || pg_ctl --silent --pgdata="$new" --mode=immediate stop >&2 || true
}
trap over EXIT

to=$(moment)
# Whatever is started below holds the lock, too, as long as it lives.
exec 9>"$data.restore.lock"
flock --timeout 30 9 || refuse "another restore of $data runs"
if [[ -e $done ]]; then
  say "attempt $attempt is done already"
  cat "$done"
  exit 0
fi
if mountpoint --quiet "$data"; then
  refuse "$data is the volume itself; mount it one folder higher, so that the old folder can be kept beside the new"
fi
if [[ -n $(ls -A "$data/pg_tblspc" 2>/dev/null) ]]; then
  refuse "$data has tablespaces outside of it, which this does not restore"
fi
no_server
if [[ ! -e $ready ]]; then
  copy
fi
no_server # it may have been started meanwhile
exchange
if [[ -e $aside ]]; then
  say "what was there is kept in $aside"
fi
cat "$done"
