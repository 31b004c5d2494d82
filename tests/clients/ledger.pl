# A smoke run of DBD::Pg. Its address and its token come by the environment, as libpq's do; what it
# saw goes to stdout as one line of JSON.

use strict;
use warnings;
use utf8;
use DBI;
use DBD::Pg qw(:pg_types);
use JSON::PP;

my %options = (RaiseError => 1, PrintError => 0, AutoCommit => 1);
my $CHANGE = 'UPDATE ledger SET balance = balance + ? WHERE id = ? RETURNING balance';
my %seen;

sub opened { return DBI->connect('dbi:Pg:', undef, undef, {%options}) }

my $client = opened();
my $insert = $client->prepare(
    'INSERT INTO ledger (id, balance, note, moved_at, sealed, scan) VALUES (?, ?, ?, ?, ?, ?)');
$insert->bind_param(6, undef, { pg_type => PG_BYTEA });
$insert->execute(10, '12.345678', "k\x{e4}se", '2026-11-25T12:30:15.123Z', 1, "\x00\x01\xff");
my $row = $client->selectrow_hashref('SELECT * FROM ledger WHERE id = ?', undef, 10);
$row->{scan} = [map { ord } split //, $row->{scan}];
$seen{row} = $row;
eval { $client->do('SELECT 1 / 0') };
$seen{error} = $client->state;

$seen{columns} = [map { [@$_[3, 5]] } @{ $client->column_info(undef, 'public', 'ledger', '%')->fetchall_arrayref }];
$seen{key} = [$client->primary_key(undef, 'public', 'ledger')];
$seen{tables} = [grep { /ledger/ } $client->tables(undef, 'public', '%', 'TABLE')];

$client->begin_work;
$client->selectrow_array($CHANGE, undef, -10, 1);
$client->selectrow_array($CHANGE, undef, 10, 2);
$client->commit;

my $other = opened();
$client->begin_work;
$client->selectrow_array('SELECT balance FROM ledger WHERE id = 1');
$other->do('UPDATE ledger SET balance = balance + ? WHERE id = ?', undef, 1, 1);
$seen{within} = $client->selectrow_array($CHANGE, undef, 5, 1);
eval { $client->commit };
$seen{commit} = { code => $client->state, message => $client->errstr };

my $file = $client->do('COPY ledger (id, balance) FROM STDIN');
$client->pg_putcopydata("20\t1\n21\t2\n");
$client->pg_putcopyend;
$seen{copied} = $client->selectrow_array('SELECT count(*) FROM ledger WHERE id >= 20');
$_->disconnect for $client, $other;

print JSON::PP->new->canonical->ascii->encode(\%seen), "\n";
