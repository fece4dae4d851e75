-- The user that backs up. It may start and end a backup and see what that needs;
-- it reads tables for the restore check alone, and writes nothing. Run it once
-- in each database that the restore check compares, and in postgres, with
--   psql --variable=password="$PASSWORD" --file=user.sql
SELECT format('CREATE ROLE backup LOGIN PASSWORD %L', :'password')
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'backup') \gexec
GRANT pg_read_all_settings, pg_read_all_data TO backup;
GRANT EXECUTE ON FUNCTION pg_backup_start(text, boolean), pg_backup_stop(boolean),
  pg_switch_wal(), pg_create_restore_point(text) TO backup;
