// A smoke run of pgx 4. Its address and its token come by the environment, as libpq's do; what it saw goes to stdout as
// JSON.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"time"

	"github.com/jackc/pgconn"
	"github.com/jackc/pgx/v4"
	"github.com/jackc/pgx/v4/pgxpool"
)

const change = "UPDATE ledger SET balance = balance + $1::bigint WHERE id = $2 RETURNING balance::text"

var all = context.Background()

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func code(err error) string {
	var told *pgconn.PgError
	if errors.As(err, &told) {
		return told.Code
	}
	return "none"
}

type querier interface {
	QueryRow(ctx context.Context, sql string, args ...interface{}) pgx.Row
}

func text(from querier, sql string, args ...interface{}) string {
	var found string
	must(from.QueryRow(all, sql, args...).Scan(&found))
	return found
}

func main() {
	seen := map[string]interface{}{}
	client, err := pgx.Connect(all, "")
	must(err)
	other, err := pgxpool.Connect(all, "pool_max_conns=2")
	must(err)

	// Prepared and kept by their text, as pgx does of its own accord.
	must(client.BeginFunc(all, func(work pgx.Tx) error {
		_, err := work.Exec(all, "INSERT INTO ledger (id, balance, note, moved_at, sealed, scan) VALUES ($1, 12.345678, $2, $3, $4, $5)",
			10, "käse", time.Date(2026, 11, 25, 12, 30, 15, 123000000, time.UTC), true, []byte{0, 1, 255})
		must(err)
		text(work, change, -10, 1)
		text(work, change, 10, 2)
		return nil
	}))
	var balance, note string
	var moved time.Time
	var sealed *bool
	var batch *string
	var scan []byte
	must(client.QueryRow(all, "SELECT balance::text, note, moved_at, batch::text, sealed, scan FROM ledger WHERE id = $1", 10).Scan(
		&balance, &note, &moved, &batch, &sealed, &scan))
	seen["row"] = []interface{}{balance, note, moved.UTC().Format(time.RFC3339Nano), batch, *sealed, len(scan)}

	// Without preparing anything, as behind poolers.
	simple := pgx.QuerySimpleProtocol(true)
	seen["simple"] = text(client, "SELECT count(*)::text FROM ledger WHERE note = $1", simple, "käse")

	batched := &pgx.Batch{}
	batched.Queue("SELECT count(*) FROM ledger")
	batched.Queue("SELECT $1::int + 1", 6)
	results := client.SendBatch(all, batched)
	var rows, seven int
	must(results.QueryRow().Scan(&rows))
	must(results.QueryRow().Scan(&seven))
	must(results.Close())
	seen["batch"] = []int{rows, seven}

	copied, err := client.CopyFrom(all, pgx.Identifier{"ledger"}, []string{"id", "balance"},
		pgx.CopyFromRows([][]interface{}{{20, 1}, {21, 2}}))
	must(err)
	seen["copied"] = copied

	_, err = client.Exec(all, "SELECT 1 / 0")
	seen["error"] = code(err)
	third, err := pgx.Connect(all, "")
	must(err)
	_, err = third.BeginTx(all, pgx.TxOptions{IsoLevel: pgx.Serializable}) // pgx closes it when this fails
	seen["serializable"] = code(err)
	_, err = client.BeginTx(all, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
	must(err)
	_, err = client.Exec(all, "DELETE FROM ledger")
	seen["readOnly"] = code(err)
	_, err = client.Exec(all, "ROLLBACK")
	must(err)
	nested := client.BeginFunc(all, func(work pgx.Tx) error {
		_, err := work.Begin(all)
		return err
	})
	seen["nested"] = code(nested)

	short, stop := context.WithTimeout(all, 100*time.Millisecond)
	_, err = other.Exec(short, "SELECT pg_sleep(5)")
	stop()
	seen["timedOut"] = errors.Is(err, context.DeadlineExceeded) || pgconn.Timeout(err)

	work, err := client.Begin(all)
	must(err)
	text(work, "SELECT balance::text FROM ledger WHERE id = 1")
	text(other, change, 1, 1)
	seen["within"] = text(work, change, 5, 1)
	seen["commit"] = code(work.Commit(all))
	other.Close()
	must(client.Close(all))
	must(json.NewEncoder(os.Stdout).Encode(seen))
}
