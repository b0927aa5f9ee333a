#!/usr/bin/env bash
# Decides before PostgreSQL starts whether this server is a replica or the writer, then hands over to the image's own
# entrypoint. All servers of the cluster run the same script; none of them is the writer because of its name.
#
#   no data            copy the writer's. Only the very first time does $FIRST_WRITER create the database instead.
#   data of a replica  start as that; Aurelay points it at the writer if that has changed.
#   data of a writer   somebody else may have been promoted meanwhile. Whoever takes writes on a newer timeline is the
#                      writer, and this server becomes its replica. It opens as the writer only once most of the
#                      servers have been heard, for a while, and none knows of a newer timeline.
set -euo pipefail

self=$HOSTNAME
read -ra servers <<<"${SERVERS:?the names of all servers of the cluster}"
# Long enough for Aurelay to have promoted somebody, had it missed this server.
settle_s=5

incoming=$PGDATA.incoming
rewinding=$PGDATA.rewinding
born=/var/lib/birth/done

say() { echo "$(date -u +%FT%TZ) start.sh $self: $*"; }

# The same reason is not repeated while this server waits.
why=''
wait_because() {
  [[ $why == "$*" ]] || say "waiting: $*"
  why=$*
  sleep 1
}

as_postgres() { gosu postgres env LC_ALL=C PGPASSWORD="$REPLICATION_PASSWORD" "$@"; }

conninfo() { echo "host=$1 port=5432 user=aurelay_replication dbname=postgres connect_timeout=2"; }

ask() { timeout 5 env PGPASSWORD="$REPLICATION_PASSWORD" psql -XAtq --field-separator ' ' -d "$(conninfo "$1")" -c "$2" 2>/dev/null; }

# What a server says of itself: its role, the newest timeline that it knows, and which cluster it belongs to. A replica
# that has just lost its writer knows that writer's timeline only from the history file: the control data lag behind.
self_description="
  SELECT CASE WHEN pg_is_in_recovery() THEN 'replica' ELSE 'writer' END,
         greatest(c.timeline_id, (
           SELECT max(('x' || left(name, 8))::bit(32)::int) FROM pg_ls_waldir() WHERE name ~ '^[0-9A-F]{8}[.]history$')),
         s.system_identifier
  FROM pg_control_checkpoint() c, pg_control_system() s"

# Asks everybody else. Sets `heard`, the `newest` timeline that anybody knows, and the `writer` on the newest of those
# that take writes, with its `writer_timeline`.
survey() {
  local peer role timeline system
  heard=0 newest=0 writer='' writer_timeline=0
  for peer in "${servers[@]}"; do
    [[ $peer != "$self" ]] || continue
    read -r role timeline system < <(ask "$peer" "$self_description") || continue
    if [[ -n $own_system && $system != "$own_system" ]]; then
      say "$peer belongs to another cluster (system identifier $system, here $own_system): ignored"
      continue
    fi
    heard=$((heard + 1))
    if ((timeline > newest)); then newest=$timeline; fi
    if [[ $role == writer ]] && ((timeline > writer_timeline)); then writer=$peer writer_timeline=$timeline; fi
  done
}

control() { as_postgres pg_controldata -D "$PGDATA" | sed -n "s/^$1: *//p"; }

# The checkpoint may be older than the last promotion; the history files are not.
newest_own_timeline() {
  local newest file timeline
  newest=$(control "Latest checkpoint's TimeLineID")
  for file in "$PGDATA"/pg_wal/????????.history; do
    [[ -e $file ]] || continue
    timeline=$((16#$(basename "$file" .history)))
    if ((timeline > newest)); then newest=$timeline; fi
  done
  echo "$newest"
}

# Beside the data first, so that a copy that was interrupted is never taken for a database.
copy_from() {
  say "copying the data of $1"
  rm -rf "$incoming"
  as_postgres pg_basebackup -d "$(conninfo "$1")" -D "$incoming" -R -X stream -c fast || return 1
  mv -T "$incoming" "$PGDATA"
  say "copied; starting as a replica of $1"
}

# Transactions that only the old writer had stay readable in the folder that is put aside.
put_aside() {
  local aside
  aside=$PGDATA.deposed-$(date -u +%Y%m%dT%H%M%SZ)
  mv -T "$PGDATA" "$aside"
  rm -f "$rewinding"
  say "the old data was put aside in $aside; remove it when nobody needs it"
}

# An old writer becomes a replica. pg_rewind takes back what the new writer never received, and says where they parted.
rejoin() {
  say "$1 is the writer, on timeline $writer_timeline; this server's own history ends on timeline $own_timeline"
  if ((writer_timeline > own_timeline)); then
    ask "$1" CHECKPOINT || true
    as_postgres touch "$rewinding"
    if as_postgres pg_rewind -D "$PGDATA" -R --source-server="$(conninfo "$1")"; then
      rm "$rewinding"
      say "rewound; starting as a replica of $1"
      return
    fi
    say 'pg_rewind could not bring this server back'
  else
    say 'both were promoted to the same timeline, so nothing here can be trusted'
  fi
  put_aside
  join
}

join() {
  own_system=''
  until survey && [[ -n $writer ]] && copy_from "$writer"; do
    wait_because 'no data here, and no server of the cluster takes writes'
  done
}

create_or_join() {
  if [[ $self == "$FIRST_WRITER" && ! -e $born ]]; then
    say 'no cluster yet: this server creates the database'
    return
  fi
  join
}

open_or_rejoin() {
  local since=$SECONDS needed_s
  if [[ ${FORCE_WRITER:-} == "$self" ]]; then
    say 'opening as the writer: FORCE_WRITER names this server'
    return
  fi
  own_system=$(control 'Database system identifier')
  own_timeline=$(newest_own_timeline)
  while true; do
    survey
    # On the same timeline only one of two can be right, and it is the one that is at work.
    if [[ -n $writer ]] && ((writer_timeline >= own_timeline)); then
      rejoin "$writer"
      return
    fi
    # The one that stays silent may be the one that knows better, so it is given longer.
    if ((heard + 1 == ${#servers[@]})); then needed_s=$settle_s; else needed_s=$((3 * settle_s)); fi
    if ((newest > own_timeline)); then
      wait_because "timeline $newest exists, so another server was promoted since; it does not answer"
    elif (((heard + 1) * 2 <= ${#servers[@]})); then
      wait_because 'this was the writer, and too few of the others answer to tell whether it still is'
    elif ((SECONDS - since < needed_s)); then
      wait_because "this was the writer, and nobody knows of another: looking for $needed_s s"
    else
      say "opening as the writer: $heard others answer, and none knows a timeline newer than $own_timeline"
      return
    fi
  done
}

# A shell that is process 1 ignores signals it does not handle.
trap 'exit 143' INT TERM

install -d -o postgres -g postgres -m 700 "$(dirname "$PGDATA")"
install -d -m 1777 "$(dirname "$born")"

if [[ -e $rewinding ]]; then
  say 'a rewind was interrupted, so this data cannot be used'
  put_aside
  join
elif [[ ! -s $PGDATA/PG_VERSION ]]; then
  create_or_join
elif [[ -e $PGDATA/standby.signal ]]; then
  say 'starting as the replica that it was'
else
  open_or_rejoin
fi

trap - INT TERM
exec docker-entrypoint.sh "$@" -c cluster_name="$self"
