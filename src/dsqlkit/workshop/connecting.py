"""Chapter 3: a token, a connection, and the first table."""

from dsqlkit import accounts
from dsqlkit.connection_report import examine
from dsqlkit.errors import AccountNotFound
from dsqlkit.queries import statement
from dsqlkit.transaction import run
from dsqlkit.workshop.chapter import Code, Shown, Stage, Statements, Text
from dsqlkit.workshop.recording import Recorder


def play(stage: Stage) -> Shown:
    """Sign, connect, and read one balance."""
    # It connects before anything is timed, so that no import of the driver's is in the times.
    accounts.ensure(stage.connections, stage.say)
    stage.say("Signing a token and connecting")
    report = examine(stage.endpoint)
    recorder = Recorder(stage.connections)
    row = run(recorder, lambda c: c.execute(statement("accounts/first.sql")).fetchone()).value
    if row is None:
        raise AccountNotFound("Table accounts is empty.")
    timings = report.timings_ms
    action = "dsql:DbConnectAdmin" if stage.endpoint.is_admin else "dsql:DbConnect"
    return Shown(
        parts=(
            Text(
                f"The token was signed here in {timings.token:.1f} ms, without a network: it asks "
                f"for {action} as role {stage.endpoint.user}. Connecting took "
                f"{timings.connect:.1f} ms, TLS and its certificate (verify-full) included; each "
                f"question after that {timings.round_trip:.1f} ms (median of 9)."
            ),
            Statements(recorder.queries),
            Text("A balance is numeric(18,6), which is what DSQL makes of numeric. The same with:"),
            Code(("$ eval \"$(dsqlkit env)\" && psql -c 'SELECT * FROM accounts LIMIT 1'",)),
        ),
        facts={
            "server_version": report.server_version,
            "tls": report.tls,
            "user": stage.endpoint.user,
            "token_ms": round(timings.token, 3),
            "connect_ms": round(timings.connect, 3),
            "round_trip_ms": round(timings.round_trip, 3),
            "account": row[0],
            "balance": accounts.plain(row[1]),
        },
    )
