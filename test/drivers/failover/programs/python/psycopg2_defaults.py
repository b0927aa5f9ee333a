import os

import psycopg2

connection = None


def insert_order(client, number):
    global connection
    if connection is None or connection.closed:
        connection = psycopg2.connect(
            host=os.environ["DB_HOST"], port=os.environ["DB_PORT"], user="postgres", dbname="postgres"
        )
    with connection, connection.cursor() as cursor:
        cursor.execute("INSERT INTO visits (client, number) VALUES (%s, %s)", (client, number))
