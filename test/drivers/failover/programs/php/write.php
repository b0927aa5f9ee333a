<?php
/*
 * `php write.php FILE`: a numbered row every 10 ms through insertOrder() of the file, until it is killed. Prints
 * `driver VERSION`, `ack NUMBER` and `error CODE MESSAGE`, a line each.
 */
require $argv[1];

$client = (int) getenv('CLIENT');
echo 'driver ', phpversion('pdo'), "\n";
for ($number = 1; ; $number++) {
    try {
        insertOrder($client, $number);
        echo "ack $number\n";
    } catch (PDOException $error) {
        $code = $error->errorInfo[1] ?? null;
        $code = $code > 7 ? $code : ($error->errorInfo[0] ?? $error->getCode());
        echo "error $code ", strtr($error->getMessage(), "\n", ' '), "\n";
    }
    usleep(10_000);
}
