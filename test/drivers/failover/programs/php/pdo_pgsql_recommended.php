<?php
$connection = null;

function connect(): PDO
{
    $host = getenv('DB_HOST') ?: '127.0.0.1';
    $port = getenv('DB_PORT') ?: 6432;
    $database = getenv('DB_NAME') ?: 'postgres';
    // Whatever libpq knows may stand here. A peer that vanished is noticed after 10 + 3 × 5 s, or 20 s while we send.
    $peer = 'keepalives_idle=10;keepalives_interval=5;keepalives_count=3;tcp_user_timeout=20000';
    return new PDO("pgsql:host=$host;port=$port;dbname=$database;$peer", getenv('DB_USER') ?: 'postgres', '', [
        PDO::ATTR_TIMEOUT => 10, // connect_timeout, up to the end of the login; default: 30 s
        PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION,
        PDO::ATTR_PERSISTENT => false,
    ]);
}

/** A connection that broke has the SQLSTATE HY000 and libpq's words; one that was not made, 08006. */
function isTransient(PDOException $error): bool
{
    $state = (string) ($error->errorInfo[0] ?? $error->getCode());
    return str_starts_with($state, '08')
        || in_array($state, ['57P01', '57P02', '57P03', '25006', '53300'], true)
        || preg_match('/server closed the connection|no connection to the server|SSL SYSCALL|Connection (reset|refused|timed out)/i', $error->getMessage());
}

/** Runs $work in a transaction, and all of it again where the connection or the writer was lost. */
function transaction(callable $work, float $giveUpAfter = 60): mixed
{
    global $connection;
    $giveUpAt = microtime(true) + $giveUpAfter;
    for ($pause = 0.02; ; $pause = min($pause * 2, 1)) {
        try {
            $connection ??= connect();
            $connection->beginTransaction();
            $result = $work($connection);
            $connection->commit();
            return $result;
        } catch (PDOException $error) {
            $connection = null; // closes it: it is broken, or leads to a server that is read-only now
            if (!isTransient($error) || microtime(true) > $giveUpAt) {
                throw $error;
            }
            fwrite(STDERR, 'again: ' . ($error->errorInfo[0] ?? $error->getCode()) . ' ' . strtr($error->getMessage(), "\n", ' ') . "\n");
            usleep((int) ($pause * 1e6));
        }
    }
}

/** Harmless when it is repeated: the key is the caller's, and a row that is there already stays as it is. */
function insertOrder(int $client, int $number): void
{
    transaction(fn (PDO $db) => $db
        ->prepare('INSERT INTO orders (client, number) VALUES (?, ?) ON CONFLICT DO NOTHING')
        ->execute([$client, $number]));
}
