insert_order() {
  psql -h "$DB_HOST" -p "$DB_PORT" -U postgres -d postgres -q -c "INSERT INTO visits (client, number) VALUES ($1, $2)" 2>&1
}
