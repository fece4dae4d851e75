#!/usr/bin/env bash
# Makes one backup of PostgreSQL: backup.sh full|incr
#
# Before it, the way of the WAL into the repository is checked; after it, the
# repository itself is asked what it has, and that is what the metrics say.
# A full backup makes the stanza if there is none yet. An incremental one does
# not: where the repository is suddenly empty, that is for people to see.
set -euo pipefail
# shellcheck source=common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

run=${1:-}
case $run in
  full) kind=Full ;;
  incr) kind=Incremental ;;
  *) refuse "say which backup to make: backup.sh full or backup.sh incr" ;;
esac
need PGBACKREST_STANZA "the name of the cluster in the repository, such as main"
began=$(date +%s)
usable=0

# failed tells of a run that did not come to its end.
failed() {
  local code=$?
  [[ $code -ne 0 ]] || return 0
  log_backup "$kind" - "$(repository)" failed "exit code $code"
  attempted postgres "$run" 0
  printf '# TYPE backup_repository_ok gauge\nbackup_repository_ok %d\n' "$usable" | push backup/postgres
}
trap failed EXIT

# told tells of the good backups of a repository, the newest of each type, by
# what it says of itself. One with page checksum errors is not good.
told() {
  jq --raw-output '
    [.[0].backup[] | select(.error != true)] as $good
    | ([$good[].type] | unique) as $types
    | def newest(f): $types[] as $t | ([$good[] | select(.type == $t)] | max_by(.timestamp.stop) | f) as $v | "{type=\"\($t)\"} \($v)";
    "# TYPE backup_last_success_timestamp_seconds gauge",
    "backup_last_success_timestamp_seconds" + newest(.timestamp.stop),
    "# TYPE backup_last_size_bytes gauge",
    "backup_last_size_bytes" + newest(.info.size),
    "# TYPE backup_last_repository_bytes gauge",
    "backup_last_repository_bytes" + newest(.info.repository.delta),
    "# TYPE backup_window_start_timestamp_seconds gauge",
    ([$good[].timestamp.stop] | min // empty | "backup_window_start_timestamp_seconds \(.)"),
    "# TYPE backup_repository_ok gauge",
    "backup_repository_ok 1"' <<<"$1"
}

if [[ $run == full ]]; then
  pgbackrest stanza-create
fi
pgbackrest check
usable=1
pgbackrest --type="$run" backup
usable=0
info=$(pgbackrest --output=json info)
made=$(jq --exit-status --argjson began "$began" '.[0].backup[-1] | select(.timestamp.stop >= $began)' <<<"$info") || {
  say "the repository does not have the backup that was just made"
  exit 1
}
usable=1
told "$info" | push backup/postgres
label=$(jq --raw-output .label <<<"$made")
if jq --exit-status .error <<<"$made" >/dev/null; then
  say "backup $label has pages whose checksums are wrong: look at the database's disk"
  exit 1
fi
verified="file checksums"
if [[ $(psql --no-psqlrc --tuples-only --no-align --dbname="${PGDATABASE:-postgres}" --command='SHOW data_checksums') == on ]]; then
  verified="file and page checksums"
fi
[[ $(jq --raw-output .type <<<"$made") != full ]] || kind=Full # so it is when there was no full one to build on
attempted postgres "$run" 1
log_backup "$kind" "$(bytes "$(jq .info.repository.delta <<<"$made")")" "$(repository)/backup/$PGBACKREST_STANZA/$label" ok "$verified"
