# The image's entrypoint sources this once, on the first writer, when its database is new. Everything here reaches the
# replicas with the copy that they take.

psql --no-psqlrc --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres <<'SQL'
\getenv monitor_password MONITOR_PASSWORD
\getenv replication_password REPLICATION_PASSWORD

-- What Aurelay logs in as: it reads states, promotes, repoints replicas, and ends the sessions of an old writer. Only a
-- superuser ends the sessions of another (of `postgres`), and still gets in when every other connection is taken.
CREATE ROLE aurelay LOGIN SUPERUSER PASSWORD :'monitor_password';

-- What replicas log in as. The functions are pg_rewind's: https://www.postgresql.org/docs/18/app-pgrewind.html
CREATE ROLE aurelay_replication LOGIN REPLICATION PASSWORD :'replication_password';
GRANT pg_monitor, pg_checkpoint TO aurelay_replication;
GRANT EXECUTE ON FUNCTION
  pg_ls_dir(text, boolean, boolean),
  pg_stat_file(text, boolean),
  pg_read_binary_file(text),
  pg_read_binary_file(text, bigint, bigint, boolean)
  TO aurelay_replication;
SQL

echo 'host replication aurelay_replication all scram-sha-256' >>"$PGDATA/pg_hba.conf"
echo "include_if_exists = '/etc/aurelay/postgresql.conf'" >>"$PGDATA/postgresql.conf"

# From here on no empty server of this cluster begins a new one.
touch /var/lib/birth/done
