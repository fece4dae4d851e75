#!/usr/bin/env bash
# Restores the newest backup and all WAL after it into a scratch folder, and
# holds it against the live database:
#
#  - what is written now must be in the archive within RPO_SECONDS;
#  - every file of the repository, every page and every index must be sound;
#  - each table must be there, with as many rows as the live one has (or had,
#    when this began), give or take ROW_TOLERANCE;
#  - for each table:column in NEWEST, the newest value must be there.
#
#   SCRATCH        folder in which the copy is made, and removed
#   PGDATABASE     the database whose tables are held against each other
#   SKIP_TABLES    regular expression of tables not to be counted
#   NEWEST         such as "public.events:created_at public.orders:paid_at"
set -euo pipefail
# shellcheck source=common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
# shellcheck source=recover.sh
. "$(dirname "${BASH_SOURCE[0]}")/recover.sh"

need SCRATCH "a folder with room for the whole database"
need PGDATABASE "the database to compare"
need PGBACKREST_STANZA "the name of the cluster in the repository, such as main"
: "${RPO_SECONDS:=300}" "${ROW_TOLERANCE:=0.01}" "${SKIP_TABLES:=^\$}" "${NEWEST:=}"
copy=$SCRATCH/restore-check
why="it was cut off"

# over cleans up and tells how it ended, also when it was stopped.
over() {
  local code=$?
  if [[ -n ${private:-} && -d $private ]]; then
    pg_ctl --silent --pgdata="$copy" --mode=immediate stop >&2 || true
    rm -rf "$private"
  fi
  rm -rf "$copy"
  [[ $code -ne 0 ]] || return 0
  log_backup "Restore check" - "$(repository)" failed "$why"
  attempted postgres restore-check 0
}
trap over EXIT

# wrong ends the check: the backup does not hold what it should.
wrong() {
  why=$*
  say "the backup does not hold: $why"
  exit 1
}

live() { psql --no-psqlrc --quiet --tuples-only --no-align --set=ON_ERROR_STOP=1 --command="$1"; }

# Tables whose content outlives a crash, counted in one snapshot.
census="SELECT format('%I.%I', nspname, relname),
    (xpath('//c/text()', query_to_xml(format('SELECT count(*) AS c FROM %I.%I', nspname, relname), false, true, '')))[1]
  FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace
  WHERE relkind = 'r' AND relpersistence = 'p' AND nspname NOT IN ('pg_catalog', 'information_schema')
    AND format('%I.%I', nspname, relname) !~ '${SKIP_TABLES//\'/\'\'}'
  ORDER BY 1"

# newest asks for the newest value of a table:column.
newest() { printf 'SELECT extract(epoch FROM max(%s)) FROM %s' "${1##*:}" "${1%:*}"; }

# archived waits until what the live database had written is in the archive,
# and says how long that took.
archived() {
  local segment began=$SECONDS
  segment=$(live "SELECT pg_walfile_name(pg_create_restore_point('restore-check'))")
  until [[ $(live "SELECT coalesce(left(last_archived_wal, 24) COLLATE \"C\" >= '$segment', false) FROM pg_stat_archiver WHERE last_archived_wal !~ 'history'") == t ]]; do
    ((SECONDS - began < RPO_SECONDS)) || return 1
    sleep 1
  done
  printf '%d' "$((SECONDS - began))"
}

# compare holds the restored counts against the live ones, before and after:
# of a table that grows, any count between is right.
compare() {
  awk -F '|' -v tolerance="$ROW_TOLERANCE" '
    FILENAME == ARGV[1] { before[$1] = $2; next }
    FILENAME == ARGV[2] { after[$1] = $2; next }
    { restored[$1] = $2 }
    END {
      for (table in before) {
        if (!(table in after)) continue # dropped meanwhile
        if (!(table in restored)) { print table " is missing"; continue }
        off = restored[table] - before[table]; moved = after[table] - before[table]
        if (off < 0) off = -off
        if (moved < 0) moved = -moved
        allowed = before[table] * tolerance
        if (moved > allowed) allowed = moved
        if (off > allowed) print table " has " restored[table] " rows, the live one " before[table]
      }
    }' "$1" "$2" "$3"
}

rm -rf "$copy"
began=$SECONDS
install --directory --mode=0700 "$SCRATCH"
before=$(live "$census") || wrong "the live database could not be counted"
declare -A was
for t in $NEWEST; do was[$t]=$(live "$(newest "$t")") || wrong "the newest $t is not known"; done
lag=$(archived) || wrong "what is written is not in the archive after ${RPO_SECONDS}s"

problems=$(pgbackrest --output=text verify 2>&1) || wrong "pgbackrest verify: $problems"
! grep --quiet 'status: error' <<<"$problems" || wrong "pgbackrest verify: ${problems//$'\n'/; }"
restoring=$SECONDS
fetch "$copy" "" off || wrong "it cannot be restored"
open "$copy" archive_mode=off || wrong "it does not recover"
took=$((SECONDS - restoring))

after=$(live "$census") || wrong "the live database could not be counted"
restored=$(ask "$PGDATABASE" "$census") || wrong "the restored database could not be counted"
problems=$(compare <(printf '%s\n' "$before") <(printf '%s\n' "$after") <(printf '%s\n' "$restored"))
[[ -z $problems ]] || wrong "${problems//$'\n'/; }"
for t in $NEWEST; do
  is=$(ask "$PGDATABASE" "$(newest "$t")") || wrong "$t is not there"
  awk -v was="${was[$t]:-0}" -v is="${is:-0}" 'BEGIN { exit !(is >= was) }' || wrong "the newest $t is of ${is:-never}, the live one is of ${was[$t]}"
done
pg_amcheck --host="$private" --port=5432 --username="${SUPERUSER:-postgres}" --all --install-missing --heapallindexed >&2 || wrong "pg_amcheck finds damage"
pages="amcheck"
sums=$(ask postgres 'SHOW data_checksums')
shut "$copy"
if [[ $sums == on ]]; then
  pg_checksums --check --pgdata="$copy" >&2 || wrong "pg_checksums finds damage"
  pages="amcheck, page checksums"
fi

push backup/postgres/run/restore-check <<END
# TYPE backup_last_verified_restore_timestamp_seconds gauge
backup_last_verified_restore_timestamp_seconds $(date +%s)
# TYPE backup_verified_restore_duration_seconds gauge
backup_verified_restore_duration_seconds $took
# TYPE backup_archive_lag_seconds gauge
backup_archive_lag_seconds $lag
END
attempted postgres restore-check 1
log_backup "Restore check" "$(bytes "$(du --summarize --bytes "$copy" | cut -f 1)")" "$(repository)" ok \
  "$(grep --count . <<<"$before") tables counted, $pages; restored in ${took}s, all in $((SECONDS - began))s; written rows are archived after ${lag}s"
