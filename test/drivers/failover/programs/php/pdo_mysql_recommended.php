<?php
// How long an answer may take before the connection is given up, in seconds; default: a day.
// In php.ini, or `php -d`; for a script that runs longer statements, more.
ini_set('mysqlnd.net_read_timeout', '15');

$connection = null;

function connect(): PDO
{
    $host = getenv('DB_HOST') ?: '127.0.0.1';
    $port = getenv('DB_PORT') ?: 6306;
    $database = getenv('DB_NAME') ?: 'shop';
    return new PDO("mysql:host=$host;port=$port;dbname=$database;charset=utf8mb4", getenv('DB_USER') ?: 'root', '', [
        PDO::ATTR_TIMEOUT => 10, // of the connect, in seconds; default: 60 s (default_socket_timeout)
        PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION,
        PDO::ATTR_PERSISTENT => false,
    ]);
}

/** The error number of the server or of mysqlnd is in errorInfo[1]. */
function isTransient(PDOException $error): bool
{
    $number = (int) ($error->errorInfo[1] ?? $error->getCode());
    return in_array($number, [1040, 1053, 1290, 1792, 1836, 1927, 2002, 2003, 2006, 2013, 3169, 4031], true);
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
            fwrite(STDERR, 'again: ' . ($error->errorInfo[1] ?? $error->getCode()) . ' ' . $error->getMessage() . "\n");
            usleep((int) ($pause * 1e6));
        }
    }
}

/** Harmless when it is repeated: the key is the caller's, and a row that is there already stays as it is. */
function insertOrder(int $client, int $number): void
{
    transaction(fn (PDO $db) => $db
        ->prepare('INSERT INTO orders (client, number) VALUES (?, ?) ON DUPLICATE KEY UPDATE number = number')
        ->execute([$client, $number]));
}
