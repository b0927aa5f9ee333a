<?php
$connection = null;

function insertOrder(int $client, int $number): void
{
    global $connection;
    try {
        $connection ??= new PDO('mysql:host=' . getenv('DB_HOST') . ';port=' . getenv('DB_PORT') . ';dbname=shop', 'root');
        $connection->prepare('INSERT INTO visits (client, number) VALUES (?, ?)')->execute([$client, $number]);
    } catch (PDOException $error) {
        $connection = null;
        throw $error;
    }
}
