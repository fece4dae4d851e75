-- The user that rotates. It sees who is connected, ends sessions, and changes roles
-- that are no superusers; it reads and writes no table. Run it once, in postgres, with
--   psql --variable=password="$PASSWORD" --file=user.sql
SELECT format('CREATE ROLE rotation LOGIN CREATEROLE PASSWORD %L', :'password')
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'rotation') \gexec
GRANT pg_read_all_stats, pg_signal_backend TO rotation;
