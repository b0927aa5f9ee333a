import pg from 'pg';

/** One statement over a connection of its own, to 127.0.0.1; the user needs no password here. */
export async function query(
  port: number,
  user: string,
  sql: string,
): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const client = new pg.Client({
    host: '127.0.0.1',
    port,
    user,
    database: 'postgres',
    connectionTimeoutMillis: 5_000,
  });
  client.on('error', () => {});
  try {
    await client.connect();
    return (await client.query(sql)).rows as readonly Readonly<Record<string, unknown>>[];
  } finally {
    await client.end().catch(() => {});
  }
}
