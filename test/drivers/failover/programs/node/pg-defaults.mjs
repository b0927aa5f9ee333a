import pg from 'pg';

const pool = new pg.Pool({
  host: process.env.DB_HOST,
  port: Number(process.env.DB_PORT),
  user: 'postgres',
  database: 'postgres',
});

export const insertOrder = (client, number) =>
  pool.query('INSERT INTO visits (client, number) VALUES ($1, $2)', [client, number]);
