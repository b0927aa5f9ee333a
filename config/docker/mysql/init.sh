# The image's entrypoint sources this once on each server, when its database is new. Nothing of it is replicated: each
# server starts with the same users and an empty history, and replicates from there.

docker_process_sql <<SQL
SET SESSION sql_log_bin = OFF;

-- What Aurelay logs in as: it reads states, promotes, repoints replicas, and ends the sessions of an old writer. Those
-- of `root` are ended only by somebody with SYSTEM_USER.
CREATE USER aurelay@'%' IDENTIFIED BY '${MONITOR_PASSWORD}';
GRANT REPLICATION CLIENT, PROCESS, RELOAD ON *.* TO aurelay@'%';
GRANT REPLICATION_SLAVE_ADMIN, SYSTEM_VARIABLES_ADMIN, CONNECTION_ADMIN, SYSTEM_USER ON *.* TO aurelay@'%';
GRANT SELECT ON performance_schema.* TO aurelay@'%';

-- What replicas log in as.
CREATE USER aurelay_replication@'%' IDENTIFIED BY '${REPLICATION_PASSWORD}';
GRANT REPLICATION SLAVE ON *.* TO aurelay_replication@'%';

-- The image's own first statements (time zones) were logged, differently on each server.
RESET BINARY LOGS AND GTIDS;

-- Last, because nothing can be written after it: no server takes writes after a start until role.sh or Aurelay opens it.
SET PERSIST super_read_only = ON;
SQL
