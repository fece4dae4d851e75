#!/usr/bin/env bash
# Counts the rows of tables and tells how many there are, and when that was: so it
# is noticed when they are gone, and known to which moment there is to go back.
#
#   TABLES      such as "public.orders public.events"
#   PGDATABASE  the database that they are in
#
# A table that is not there has no rows, nor has one whose database is not there.
# What cannot be counted is not told: its last count grows old, and no moment is
# taken for a good one that nobody has seen.
set -euo pipefail
# shellcheck source=common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

need TABLES "the tables to count, such as public.orders"
need PGDATABASE "the database that they are in"
[[ "$TABLES $PGDATABASE" =~ ^[A-Za-z0-9_.\ -]+$ ]] || refuse "TABLES or PGDATABASE has other characters than letters, digits, _, - and ."

# One snapshot for all tables, and a time that is not after it.
export PGOPTIONS="-c default_transaction_isolation=repeatable\\ read -c default_transaction_read_only=on -c statement_timeout=${COUNT_TIMEOUT:-45}s"

# query DATABASE asks what is on stdin; :'tables' and :'database' are known there.
query() {
  psql --no-psqlrc --quiet --tuples-only --no-align --set=ON_ERROR_STOP=1 --dbname="$1" \
    --variable=tables="$TABLES" --variable=database="$PGDATABASE"
}

# counted prints table|rows|seconds since 1970.
counted() {
  query "$PGDATABASE" <<'END'
SELECT t, CASE WHEN to_regclass(t) IS NULL THEN '0' ELSE
    (xpath('//c/text()', query_to_xml(format('SELECT count(*) AS c FROM %s', to_regclass(t)), false, true, '')))[1]::text END,
  floor(extract(epoch FROM now()))::bigint
FROM regexp_split_to_table(trim(:'tables'), '\s+') AS t
END
}

# gone prints the same for a database that is not there, and nothing for one that is.
gone() {
  query postgres <<'END'
SELECT t, 0, floor(extract(epoch FROM now()))::bigint FROM regexp_split_to_table(trim(:'tables'), '\s+') AS t
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'database')
END
}

rows=$(gone)
[[ -n $rows ]] || rows=$(counted)
awk -F '|' -v database="$PGDATABASE" '
  { labels = "{database=\"" database "\",table=\"" $1 "\"} "; rows = rows "postgres_table_rows" labels $2 "\n"
    times = times "postgres_table_counted_timestamp_seconds" labels $3 "\n" }
  END {
    printf "# TYPE postgres_table_rows gauge\n%s", rows
    printf "# TYPE postgres_table_counted_timestamp_seconds gauge\n%s", times
  }' <<<"$rows" | push run/count
