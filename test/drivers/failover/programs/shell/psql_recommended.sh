# A held connection waits for at most connect_timeout; a peer that vanished is noticed after 10 + 3 × 5 s, or 20 s while we send.
url="postgresql://${DB_USER:-postgres}@${DB_HOST:-127.0.0.1}:${DB_PORT:-6432}/${DB_NAME:-postgres}\
?connect_timeout=10&keepalives_idle=10&keepalives_interval=5&keepalives_count=3&tcp_user_timeout=20000"

# retrying_psql ARGUMENT…: psql, in one transaction (-1), and all of it again where the connection or the writer was lost.
retrying_psql() {
  local give_up_at=$((SECONDS + 60)) status complaint
  exec 4>&1
  while :; do
    complaint=$(psql "$url" -X -q -1 -v ON_ERROR_STOP=1 -v VERBOSITY=verbose "$@" 2>&1 >&4)
    status=$?
    # 2: there was no connection, or it broke.
    if [[ $status -ne 2 && ! $complaint =~ (08...|57P0[123]|25006|53300): ]] || ((status == 0 || SECONDS > give_up_at)); then
      [[ -z $complaint ]] || printf '%s\n' "$complaint" >&2
      return "$status"
    fi
    printf 'again: %s %s\n' "$status" "${complaint//$'\n'/ }" >&2
    sleep 0.1
  done
}

# Harmless when it is repeated: the key is the caller's, and a row that is there already stays as it is.
insert_order() {
  retrying_psql -c "INSERT INTO orders (client, number) VALUES ($1, $2) ON CONFLICT DO NOTHING"
}
