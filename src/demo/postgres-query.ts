import pg from 'pg';

/** Runs `work` with a connection to the server on `port`, as `postgres`; the connection ends with it. */
export async function withPostgres<Result>(
  port: number,
  work: (client: pg.Client) => Promise<Result>,
): Promise<Result> {
  const client = new pg.Client({
    host: '127.0.0.1',
    port,
    user: 'postgres',
    database: 'postgres',
    password: '',
    ssl: false,
    application_name: 'aurelay demo',
    connectionTimeoutMillis: 5000,
    query_timeout: 60_000,
  });
  client.on('error', () => {});
  try {
    await client.connect();
    return await work(client);
  } finally {
    await client.end().catch(() => {});
  }
}
