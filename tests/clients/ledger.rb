# A smoke run of ruby-pg. Its address and its token come by the environment, as libpq's do; what it
# saw goes to stdout as one line of JSON.

require "json"
require "pg"

CHANGE = "UPDATE ledger SET balance = balance + $1 WHERE id = $2 RETURNING balance"
seen = {}

client = PG.connect
client.exec_params(
  "INSERT INTO ledger (id, balance, note, moved_at, sealed, scan) VALUES ($1, $2, $3, $4, $5, $6)",
  [10, "12.345678", "käse", "2026-11-25T12:30:15.123Z", true, { value: "\x00\x01\xFF".b, format: 1 }],
)
client.prepare("one", "SELECT * FROM ledger WHERE id = $1")
2.times do
  client.exec_prepared("one", [10]) do |result|
    row = result[0]
    row["scan"] = PG::Connection.unescape_bytea(row["scan"]).bytes
    seen["row"] = row
  end
end
seen["many"] = client.exec("SELECT 1 AS a; SELECT 2 AS b").to_a
begin
  client.exec("SELECT 1 / 0")
rescue PG::Error => e
  seen["error"] = e.result.error_field(PG::PG_DIAG_SQLSTATE)
end

types = PG::BasicTypeMapForResults.new(client)
typed = client.exec("SELECT 1::bigint AS n, 1.5::numeric AS d, true AS b")
typed.type_map = types
seen["typed"] = [typed[0]["n"], typed[0]["d"].to_s("F"), typed[0]["b"]]

client.transaction do |within|
  within.exec_params(CHANGE, [-10, 1])
  within.exec_params(CHANGE, [10, 2])
end

other = PG.connect
client.exec("BEGIN")
client.exec("SELECT balance FROM ledger WHERE id = 1")
other.exec_params(CHANGE, [1, 1])
seen["within"] = client.exec_params(CHANGE, [5, 1])[0]
begin
  client.exec("COMMIT")
rescue PG::Error => e
  seen["commit"] = {
    code: e.result.error_field(PG::PG_DIAG_SQLSTATE),
    message: e.result.error_field(PG::PG_DIAG_MESSAGE_PRIMARY),
  }
end

client.copy_data("COPY ledger (id, balance) FROM STDIN") do
  client.put_copy_data("20\t1\n21\t2\n")
end
seen["copied"] = client.exec("SELECT count(*) AS n FROM ledger WHERE id >= 20")[0]["n"].to_i
client.set_single_row_mode if client.send_query("SELECT generate_series(1, 3)")
rows = 0
while (result = client.get_result)
  rows += result.ntuples
end
seen["rows"] = rows
[client, other].each(&:close)

puts JSON.generate(seen)
