// A smoke run of node-postgres. Its address and its token come by the environment, as libpq's do;
// what it saw goes to stdout as one line of JSON.

const { readFileSync } = require("node:fs");
const { Client, Pool } = require("pg");

const ssl = { ca: readFileSync(process.env.PGSSLROOTCERT), servername: process.env.PGHOST };
delete process.env.PGSSLMODE; // said by `ssl`
const CHANGE = "UPDATE ledger SET balance = balance + $1 WHERE id = $2 RETURNING balance";

async function main() {
  const seen = {};
  const client = new Client({ ssl });
  await client.connect();
  const row = [10, "12.345678", "käse", new Date("2026-11-25T12:30:15.123Z"), true, Buffer.from([0, 1, 255])];
  await client.query(
    "INSERT INTO ledger (id, balance, note, moved_at, sealed, scan) VALUES ($1, $2, $3, $4, $5, $6)",
    row,
  );
  const read = { name: "one", text: "SELECT * FROM ledger WHERE id = $1" };
  for (const again of [1, 2]) {
    const { rows } = await client.query({ ...read, values: [10] });
    seen.row = { ...rows[0], scan: [...rows[0].scan] };
  }
  seen.many = (await client.query("SELECT 1 AS a; SELECT 2 AS b")).map(({ rows }) => rows);
  seen.error = await client.query("SELECT 1 / 0").catch((error) => error.code);

  await client.query("BEGIN");
  await client.query(CHANGE, [-10, 1]);
  await client.query(CHANGE, [10, 2]);
  await client.query("COMMIT");

  const other = new Client({ ssl });
  await other.connect();
  await client.query("BEGIN");
  await client.query("SELECT balance FROM ledger WHERE id = 1");
  await other.query(CHANGE, [1, 1]);
  seen.within = (await client.query(CHANGE, [5, 1])).rows;
  seen.commit = await client.query("COMMIT").catch(({ code, message }) => ({ code, message }));
  await other.end();
  await client.end();

  const pool = new Pool({ ssl, max: 8 });
  const answers = await Promise.all(
    Array.from({ length: 40 }, (_, n) => pool.query("SELECT $1::int AS n", [n])),
  );
  seen.pool = answers.reduce((sum, { rows }) => sum + rows[0].n, 0);
  await pool.end();
  console.log(JSON.stringify(seen));
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
