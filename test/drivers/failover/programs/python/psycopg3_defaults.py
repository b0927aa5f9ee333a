import os

import psycopg

connection = None


def insert_order(client, number):
    global connection
    if connection is None or connection.closed:
        connection = psycopg.connect(
            host=os.environ["DB_HOST"],
            port=os.environ["DB_PORT"],
            user="postgres",
            dbname="postgres",
            autocommit=True,
        )
    connection.execute("INSERT INTO visits (client, number) VALUES (%s, %s)", (client, number))
