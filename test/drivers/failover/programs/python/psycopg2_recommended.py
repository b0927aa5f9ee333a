import os
import sys
import time

import psycopg2

settings = dict(
    host=os.environ.get("DB_HOST", "127.0.0.1"),
    port=os.environ.get("DB_PORT", "6432"),
    user=os.environ.get("DB_USER", "postgres"),
    dbname=os.environ.get("DB_NAME", "postgres"),
    connect_timeout=10,  # seconds, up to the end of the login; default: for ever
    keepalives_idle=10,  # how a peer that vanished is noticed while we wait: 10 + 3 × 5 s;
    keepalives_interval=5,  # default: the kernel's, two hours
    keepalives_count=3,
    tcp_user_timeout=20_000,  # the same while we send, in milliseconds; default: the kernel's, 15 minutes
)
connection = None


def is_transient(error):
    """A connection that broke has no code, only its class."""
    if not isinstance(error, psycopg2.Error):
        return False
    code = error.pgcode or ""
    return (
        code[:2] == "08"
        or code in ("57P01", "57P02", "57P03", "25006", "53300")
        or (not code and isinstance(error, (psycopg2.OperationalError, psycopg2.InterfaceError)))
    )


def transaction(work, give_up_after=60):
    """Runs `work` in a transaction, and all of it again where the connection or the writer was lost."""
    global connection
    give_up_at = time.monotonic() + give_up_after
    pause = 0.02
    while True:
        try:
            if connection is None:
                connection = psycopg2.connect(**settings)
            result = work(connection)
            connection.commit()
            return result
        except BaseException as error:
            if connection is not None:
                connection.close()  # which rolls back; it may be broken, or lead to a server that is read-only now
                connection = None
            if not is_transient(error) or time.monotonic() > give_up_at:
                raise
            print("again:", error.pgcode or type(error).__name__, str(error).strip(), file=sys.stderr)
            time.sleep(pause)
            pause = min(pause * 2, 1)


def insert_order(client, number):
    """Harmless when it is repeated: the key is the caller's, and a row that is there already stays as it is."""

    def work(db):
        with db.cursor() as cursor:
            cursor.execute(
                "INSERT INTO orders (client, number) VALUES (%s, %s) ON CONFLICT DO NOTHING",
                (client, number),
            )

    transaction(work)
