#!/usr/bin/env bash
# Healthy: this server takes writes, or receives from one that does. Over TCP, which the server of the first
# initialisation does not offer.
set -euo pipefail

[[ $(
  psql --no-psqlrc --tuples-only --no-align --host 127.0.0.1 --username postgres --dbname postgres --command "
    SELECT NOT pg_is_in_recovery() OR EXISTS (SELECT FROM pg_stat_wal_receiver WHERE status = 'streaming')"
) == t ]]
