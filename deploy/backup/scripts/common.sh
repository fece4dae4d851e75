# shellcheck shell=bash
# What all scripts of this folder share: how they speak, the backup log, the
# metrics. Nothing runs when this is read.

# say tells people; what a script prints on stdout is its result.
say() { printf '%s %s\n' "$(date -u +%FT%TZ)" "$*" >&2; }

# refuse ends a script that was asked for what it must not or cannot do.
refuse() {
  say "refused: $*"
  exit 2
}

# need ends the script unless a variable is set.
need() { [[ -n ${!1:-} ]] || refuse "$1 is not set: $2"; }

# log_backup TYPE SIZE LOCATION STATUS VERIFICATION adds a line to the backup
# log, and prints it: a volume that is broken cannot take the line that says so.
log_backup() {
  local line file=${BACKUP_LOG:-}
  line=$(printf '| %s | %s | %s | %s | %s | %s |' "$(date -u +%FT%TZ)" "$@")
  printf '%s\n' "$line"
  [[ -n $file ]] || return 0
  if [[ ! -s $file ]]; then
    line=$(printf '%s\n%s\n%s' '| Date/Time | Backup Type | Size | Location | Status | Verification |' '|---|---|---|---|---|---|' "$line")
  fi
  { printf '%s\n' "$line" >>"$file"; } 2>/dev/null || say "the backup log $file cannot be written"
}

# push GROUP hands the metrics on stdin to the Pushgateway. Those of the same
# name in the group are replaced, the others stay. A backup that is good is not
# undone because nobody could be told: then the age of what was told last tells.
push() {
  local metrics
  metrics=$(cat)
  if [[ -z ${PUSHGATEWAY_URL:-} ]]; then
    say "PUSHGATEWAY_URL is not set, nobody is told: $metrics"
    return 0
  fi
  printf '%s\n' "$metrics" |
    curl --silent --show-error --fail --max-time 20 --retry 2 --data-binary @- "${PUSHGATEWAY_URL%/}/metrics/job/backup/$1" ||
    say "the metrics were not taken by $PUSHGATEWAY_URL: $metrics"
}

# attempted BACKUP RUN OK tells how a run ended.
attempted() {
  push "backup/$1/run/$2" <<END
# TYPE backup_last_attempt_timestamp_seconds gauge
backup_last_attempt_timestamp_seconds $(date +%s)
# TYPE backup_last_attempt_ok gauge
backup_last_attempt_ok $3
END
}

# bytes shows a size as people read it.
bytes() { numfmt --to=iec-i --suffix=B "$1"; }

# repository is where the backups are, without any secret.
repository() { printf '%s' "${PGBACKREST_REPO1_PATH:-repo1}"; }
