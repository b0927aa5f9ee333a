import mysql from 'mysql2/promise';

const pool = mysql.createPool({
  host: process.env.DB_HOST,
  port: Number(process.env.DB_PORT),
  user: 'root',
  database: 'shop',
});

export const insertOrder = (client, number) =>
  pool.execute('INSERT INTO visits (client, number) VALUES (?, ?)', [client, number]);
