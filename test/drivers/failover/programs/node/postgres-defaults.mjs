import postgres from 'postgres';

const sql = postgres({
  host: process.env.DB_HOST,
  port: Number(process.env.DB_PORT),
  user: 'postgres',
  database: 'postgres',
});

export const insertOrder = (client, number) =>
  sql`INSERT INTO visits (client, number) VALUES (${client}, ${number})`;
