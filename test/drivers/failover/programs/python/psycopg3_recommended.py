import os
import sys
import time

import psycopg
from psycopg_pool import ConnectionPool, PoolTimeout

pool = ConnectionPool(
    kwargs=dict(
        host=os.environ.get("DB_HOST", "127.0.0.1"),
        port=os.environ.get("DB_PORT", "6432"),
        user=os.environ.get("DB_USER", "postgres"),
        dbname=os.environ.get("DB_NAME", "postgres"),
        connect_timeout=10,  # seconds, up to the end of the login; default: for ever
        keepalives_idle=10,  # how a peer that vanished is noticed while we wait: 10 + 3 × 5 s;
        keepalives_interval=5,  # default: the kernel's, two hours
        keepalives_count=3,
        tcp_user_timeout=20_000,  # the same while we send, in milliseconds; default: the kernel's, 15 minutes
    ),
    min_size=2,
    max_size=10,
    timeout=10,  # seconds for a connection from the pool; default: 30
    reconnect_timeout=5,  # else the pool pauses between its attempts, twice as long each time; default: 300
    max_lifetime=1_800,  # default: 1 h
    # From version 3.2 of the pool on: check=ConnectionPool.check_connection
)


def is_transient(error):
    """A connection that broke has no code, only its class."""
    code = error.sqlstate or ""
    return (
        code[:2] == "08"
        or code in ("57P01", "57P02", "57P03", "25006", "53300")
        or (not code and isinstance(error, (psycopg.OperationalError, PoolTimeout)))
    )


def transaction(work, give_up_after=60):
    """Runs `work` in a transaction, and all of it again where the connection or the writer was lost."""
    give_up_at = time.monotonic() + give_up_after
    pause = 0.02
    while True:
        connection = None
        try:
            with pool.connection() as connection:  # COMMIT, or ROLLBACK where something is raised
                return work(connection)
        except psycopg.Error as error:
            if not is_transient(error) or time.monotonic() > give_up_at:
                raise
            if connection is not None:
                connection.close()  # it is broken, or leads to a server that is read-only now
            print("again:", error.sqlstate or type(error).__name__, str(error).strip(), file=sys.stderr)
            pool.check()  # throws away what else broke in the same moment
            time.sleep(pause)
            pause = min(pause * 2, 1)


def insert_order(client, number):
    """Harmless when it is repeated: the key is the caller's, and a row that is there already stays as it is."""
    transaction(
        lambda db: db.execute(
            "INSERT INTO orders (client, number) VALUES (%s, %s) ON CONFLICT DO NOTHING", (client, number)
        )
    )
