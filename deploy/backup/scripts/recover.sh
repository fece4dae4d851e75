# shellcheck shell=bash
# A data folder out of the repository, and a server on it that nobody else can
# reach. Nothing runs when this is read.

# fetch DIR TIME ARCHIVING gets the base backup into DIR and says how it is to
# recover: to TIME, or to the end of the archive when TIME is empty.
fetch() {
  local how=(--type=default)
  if [[ -n $2 ]]; then
    how=(--type=time --target="$2" --target-action=promote)
  fi
  install --directory --mode=0700 "$1"
  pgbackrest --pg1-path="$1" --archive-mode="$3" "${how[@]}" restore >&2
}

# open DIR OPTION... starts a server on DIR and returns when its recovery is
# over and it can be written to. It listens on a socket in a folder of its own
# and knows only its own rules of who may come. Configuration that is not kept
# in DIR is not needed for that.
open() {
  local dir=$1 option
  shift
  private=$(mktemp --directory)
  printf 'local all all trust\n' >"$private/hba.conf"
  local options=(hot_standby=off listen_addresses= "unix_socket_directories=$private" port=5432
    "hba_file=$private/hba.conf" logging_collector=off log_destination=stderr ssl=off "$@")
  [[ -e $dir/postgresql.conf ]] || : >"$dir/postgresql.conf"
  local line=
  for option in "${options[@]}"; do line+=" -c '$option'"; done
  if ! pg_ctl --silent --pgdata="$dir" --log="$private/log" --wait --timeout=60 \
    --options="$line ${POSTGRES_OPTIONS:-}" start >&2 || ! recovered "$dir"; then
    say "the recovery did not come to its end:"
    tail -n 30 "$private/log" >&2
    return 1
  fi
}

# recovered waits until the server on DIR lets somebody in, which it does not
# before its recovery is over, and until RECOVERY_TIMEOUT seconds are.
recovered() {
  local began=$SECONDS
  until pg_isready --quiet --host="$private" --port=5432; do
    pg_ctl --silent --pgdata="$1" status >/dev/null || return 1
    ((SECONDS - began < ${RECOVERY_TIMEOUT:-3600})) || return 1
    sleep 0.2
  done
}

# ask DATABASE SQL puts a question to the server that open started.
ask() {
  psql --no-psqlrc --quiet --tuples-only --no-align --set=ON_ERROR_STOP=1 \
    --host="$private" --port=5432 --username="${SUPERUSER:-postgres}" --dbname="$1" --command="$2"
}

# shut DIR stops the server that open started, cleanly.
shut() {
  pg_ctl --silent --pgdata="$1" --mode=fast --wait --timeout=600 stop >&2
  rm -rf "$private"
}
