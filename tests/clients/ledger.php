<?php
// A smoke run of PDO with pdo_pgsql. Its address and its token come by the environment, as libpq's
// do; what it saw goes to stdout as one line of JSON. PDO prepares what is asked, and up to PHP 8.3
// drops it with DEALLOCATE, inside a transaction too.

const CHANGE = 'UPDATE ledger SET balance = balance + ? WHERE id = ? RETURNING balance';

function opened(): PDO
{
    $name = getenv('PGHOST');
    return new PDO("pgsql:host=$name", null, null, [PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION]);
}

function change(PDOStatement $change, int $amount, int $id): string
{
    $change->execute([$amount, $id]);
    return $change->fetchColumn();
}

$seen = [];
$client = opened();
$insert = $client->prepare(
    'INSERT INTO ledger (id, balance, note, moved_at, sealed, scan) VALUES (?, ?, ?, ?, ?, ?)'
);
foreach ([10, '12.345678', 'käse', '2026-11-25T12:30:15.123Z'] as $at => $value) {
    $insert->bindValue($at + 1, $value);
}
$insert->bindValue(5, true, PDO::PARAM_BOOL);
$insert->bindValue(6, "\x00\x01\xff", PDO::PARAM_LOB);
$insert->execute();
$select = $client->prepare('SELECT * FROM ledger WHERE id = :id');
$select->execute(['id' => 10]);
$row = $select->fetch(PDO::FETCH_ASSOC);
$row['scan'] = array_values(unpack('C*', stream_get_contents($row['scan'])));
$seen['row'] = $row;
$meta = $select->getColumnMeta(1);
$seen['meta'] = [$meta['native_type'], $meta['table']];
try {
    $client->query('SELECT 1 / 0');
} catch (PDOException $error) {
    $seen['error'] = $error->getCode();
}

$client->beginTransaction();
change($client->prepare(CHANGE), -10, 1);
change($client->prepare(CHANGE), 10, 2);
$client->commit();

$other = opened();
$client->beginTransaction();
$client->prepare('SELECT balance FROM ledger WHERE id = 1')->execute();
change($other->prepare(CHANGE), 1, 1);
$seen['within'] = change($client->prepare(CHANGE), 5, 1);
try {
    $client->commit();
} catch (PDOException $error) {
    $seen['commit'] = $error->errorInfo[0];
}
$client = opened();
$client->pgsqlCopyFromArray('ledger', ["20\t1", "21\t2"], "\t", '\\\\N', 'id, balance');
$seen['copied'] = $client->query('SELECT count(*) FROM ledger WHERE id >= 20')->fetchColumn();

echo json_encode($seen), "\n";
