#!/usr/bin/env bash
# Decides after MySQL has started (read-only, as always) whether this server becomes a replica or the writer, and ends.
# All servers of the cluster run the same script; none of them is the writer because of its name.
#
#   it has a source       it stays a replica; Aurelay points it at the writer if that has changed.
#   somebody takes writes it becomes a replica of that server, unless it has transactions that the writer lacks.
#   nobody does           it opens as the writer once most of the servers have been heard, for a while, and none has a
#                         transaction that it lacks. A server without any transaction opens only the very first time,
#                         and only if it is $FIRST_WRITER.
set -euo pipefail

self=$HOSTNAME
read -ra servers <<<"${SERVERS:?the names of all servers of the cluster}"
# Long enough for Aurelay to have promoted somebody, had it missed this server.
settle_s=5
born=/var/lib/birth/done

say() { echo "$(date -u +%FT%TZ) role.sh $self: $*"; }

# The same reason is not repeated while this server waits.
why=''
wait_because() {
  [[ $why == "$*" ]] || say "waiting: $*"
  why=$*
}

query() { # password, then options of the client
  timeout 10 mysql --defaults-extra-file=<(printf '[client]\npassword="%s"\n' "$1") \
    --connect-timeout=2 --batch --skip-column-names "${@:2}"
}
here() { query "$MYSQL_ROOT_PASSWORD" --protocol=TCP --host=127.0.0.1 --user=root --execute="$1"; }
there() { query "$REPLICATION_PASSWORD" --host="$1" --user=aurelay_replication --execute="$2" 2>/dev/null; }

# Sets `heard`, whether some of them have transactions that this server is `lacking`, the `writer`, and `written`, what
# the writer has. Two that take writes are for Aurelay to judge, so then there is no writer.
survey() {
  local peer read_only executed writers=0
  heard=0 lacking='' writer='' written=''
  for peer in "${servers[@]}"; do
    [[ $peer != "$self" ]] || continue
    # The last field is the set, which may be empty.
    read -r read_only executed < <(there "$peer" "SELECT @@GLOBAL.read_only, REPLACE(@@GLOBAL.gtid_executed, '\n', '')") ||
      continue
    heard=$((heard + 1))
    if [[ $(here "SELECT GTID_SUBSET('$executed', '$own')") == 0 ]]; then lacking+="$peer "; fi
    if [[ $read_only == 0 ]]; then writers=$((writers + 1)) writer=$peer written=$executed; fi
  done
  if ((writers > 1)); then writer=''; fi
}

# Aurelay may have been faster: then there is nothing left to decide.
is_decided() {
  [[ $(here "
    SELECT @@GLOBAL.read_only = 0 OR EXISTS (
      SELECT 1 FROM performance_schema.replication_connection_configuration WHERE CHANNEL_NAME = '' AND HOST <> '')") == 1 ]]
}

follow() {
  here "
    CHANGE REPLICATION SOURCE TO
      SOURCE_HOST = '$1', SOURCE_PORT = 3306, SOURCE_AUTO_POSITION = 1,
      SOURCE_USER = 'aurelay_replication', SOURCE_PASSWORD = '$REPLICATION_PASSWORD', GET_SOURCE_PUBLIC_KEY = 1,
      SOURCE_CONNECT_RETRY = 1, SOURCE_RETRY_COUNT = 86400, SOURCE_HEARTBEAT_PERIOD = 2;
    START REPLICA" || return 1
  say "replicating from $1"
}

open_for_writes() {
  here 'SET GLOBAL super_read_only = OFF; SET GLOBAL read_only = OFF' || return 1
  say "opened as the writer: $*"
}

follow_or_refuse() {
  local extra purged
  extra=$(here "SELECT GTID_SUBTRACT('$own', '$written')") || return 1
  purged=$(there "$writer" "SELECT REPLACE(GTID_SUBTRACT(@@GLOBAL.gtid_purged, '$own'), '\n', '')") || return 1
  if [[ -n $extra ]]; then
    wait_because "has transactions that the writer $writer never received ($extra), so it stays read-only and alone;" \
      'docs/docker.md says how to read them and how to rebuild this server'
  elif [[ -n $purged ]]; then
    wait_because "the writer $writer no longer keeps the binary logs that this server needs ($purged);" \
      'docs/docker.md says how to rebuild it'
  else
    follow "$writer"
    return
  fi
  false
}

decide() {
  local needed_s
  if [[ ${FORCE_WRITER:-} == "$self" ]]; then
    open_for_writes 'FORCE_WRITER names this server'
    return
  fi
  survey
  # The one that stays silent may be the one that knows better, so it is given longer.
  if ((heard + 1 == ${#servers[@]})); then needed_s=$settle_s; else needed_s=$((3 * settle_s)); fi
  if [[ -n $writer ]]; then
    follow_or_refuse
    return
  elif [[ -n $lacking ]]; then
    wait_because "${lacking% } has transactions that are missing here, and nobody takes writes"
  elif (((heard + 1) * 2 <= ${#servers[@]})); then
    wait_because 'too few of the others answer to tell whether this server is the writer'
  elif [[ -z $own && ($self != "$FIRST_WRITER" || -e $born) ]]; then
    wait_because 'no data here, and no server of the cluster takes writes'
  elif [[ -n $own ]] && ((SECONDS < needed_s)); then
    wait_because "nobody takes writes, and nobody has more than this server: looking for $needed_s s"
  else
    # From here on no empty server of this cluster begins a new one.
    touch "$born"
    open_for_writes "$heard others answer, and none has a transaction that is missing here"
    return
  fi
  false
}

until here 'DO 1' 2>/dev/null; do sleep 0.5; done
SECONDS=0
while true; do
  if is_decided; then
    say 'has a role already'
    exit
  fi
  if own=$(here "SELECT REPLACE(@@GLOBAL.gtid_executed, '\n', '')") && decide; then exit; fi
  sleep 1
done
