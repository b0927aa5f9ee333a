#!/usr/bin/env bash
# Healthy: this server takes writes, or receives from one that does. Over TCP, which the server of the first
# initialisation does not offer.
set -euo pipefail

[[ $(
  mysql --defaults-extra-file=<(printf '[client]\npassword="%s"\n' "$MYSQL_ROOT_PASSWORD") \
    --host=127.0.0.1 --user=root --batch --skip-column-names --execute="
    SELECT @@GLOBAL.read_only = 0 OR EXISTS (
      SELECT 1 FROM performance_schema.replication_connection_status WHERE service_state = 'ON')"
) == 1 ]]
