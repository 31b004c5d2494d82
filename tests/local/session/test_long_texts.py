"""Long texts, which another process reads: they are answered in order, and can be given up."""

import os
import signal
import socket
import ssl
from collections.abc import Callable
from pathlib import Path

from dsqlkit import local
from dsqlkit.endpoint import Endpoint, LocalAddress
from dsqlkit.local.apart import LONG_BYTES
from dsqlkit.local.wire.messages import Backend, Frontend, message
from tests.support.processes import daemon
from tests.support.raw import cancel_request, query, signed_in
from tests.support.raw_client import RawClient, pipelined
from tests.support.waiting import eventually

ONE = "SELECT 1;"
MANY = LONG_BYTES // len(ONE) + 1
LONG = ONE * MANY
ENDLESS = ONE * 200_000
READING = "reading a long text"


def tags(client: RawClient) -> list[str]:
    return client.reply().tags


def test_what_comes_after_a_long_text_is_answered_after_it(client: RawClient) -> None:
    client.send_part(query(LONG) + query("SELECT 'after'") + query(LONG) + query("SHOW TimeZone"))
    assert tags(client) == ["SELECT 1"] * MANY
    assert client.reply().results[0].rows == [["after"]]
    assert tags(client) == ["SELECT 1"] * MANY
    assert tags(client) == ["SHOW"]


def test_a_long_text_that_goes_one_by_one_ends_where_it_fails(client: RawClient) -> None:
    client.send_part(query(f"BEGIN;{LONG}SELECT 1/0;{LONG}COMMIT") + query("ROLLBACK"))
    failed = client.reply()
    assert len(failed.results) == 1 + MANY
    assert (failed.sqlstate, failed.status) == ("22012", "E")
    assert tags(client) == ["ROLLBACK"]


def test_a_copy_within_a_long_text_takes_the_data_that_came_after_it(client: RawClient) -> None:
    copy = "COPY long_copied FROM STDIN;"
    client.ask("CREATE TABLE long_copied (id int PRIMARY KEY)")
    data = [
        message(Frontend.COPY_DATA, b"%d\n" % row) + message(Frontend.COPY_DONE, b"")
        for row in (1, 2)
    ]
    client.send_part(query(LONG + copy + LONG + copy + LONG) + b"".join(data) + query("SELECT 2"))
    assert tags(client) == [*["SELECT 1"] * MANY, "COPY 1"] * 2 + ["SELECT 1"] * MANY
    assert tags(client) == ["SELECT 1"]
    assert client.ask("DROP TABLE long_copied").sqlstate is None


def test_a_long_text_in_a_pipeline_and_one_that_is_refused(client: RawClient) -> None:
    long = f"SELECT length('{'x' * LONG_BYTES}')"
    found = client.send_frames(pipelined("SELECT 1", long, "SELECT 2"))
    assert [each.rows for each in found.results] == [[["1"]], [[str(LONG_BYTES)]], [["2"]]]
    refused = client.ask(f"{LONG}VACUUM")
    assert refused.message == "unsupported VACUUM statement"
    assert client.ask("SELECT 1").sqlstate is None


def test_a_long_upsert_of_a_transaction_that_has_lost(
    client: RawClient, endpoint: Endpoint
) -> None:
    client.ask("CREATE TABLE long_lost (id int PRIMARY KEY, note text)")
    client.ask("INSERT INTO long_lost VALUES (1, 'a')")
    loser = RawClient(endpoint)
    for text in ("BEGIN", "UPDATE long_lost SET note = 'b'"):
        loser.ask(text)
    assert client.ask("UPDATE long_lost SET note = 'c'").sqlstate is None
    long = f"INSERT INTO long_lost VALUES (1, ''), (2, '{'x' * LONG_BYTES}') ON CONFLICT DO NOTHING"
    assert loser.ask(long).results[0].tag == "INSERT 0 1"
    locked = loser.ask(f"SELECT id FROM long_lost WHERE note <> '{'y' * LONG_BYTES}' FOR UPDATE")
    assert locked.results[0].tag == "SELECT 2"
    assert loser.ask("COMMIT").sqlstate == "40001"
    loser.close()
    client.ask("DROP TABLE long_lost")


def test_a_long_text_that_comes_again(client: RawClient) -> None:
    text = f"INSERT INTO long_again SELECT length('{'x' * LONG_BYTES}')"
    assert client.ask(text).sqlstate == "42P01"
    client.ask("CREATE TABLE long_again (id int)")
    for _ in range(2):
        assert client.ask(text, "extended").results[0].tag == "INSERT 0 1"
        assert client.ask(text).results[0].tag == "INSERT 0 1"
    assert client.ask("DROP TABLE long_again").sqlstate is None


def test_a_request_to_cancel_ends_the_reading_of_a_text(
    local_cluster: LocalAddress,
    encrypted: Callable[[], ssl.SSLSocket],
    token: str,
    endpoint: Endpoint,
) -> None:
    tls = encrypted()
    answer = signed_in(tls, token)
    at = answer.index(message(Backend.BACKEND_KEY_DATA, bytes(8))[:5]) + 5
    pid, key = int.from_bytes(answer[at : at + 4]), answer[at + 4 : at + 8]
    other = RawClient(endpoint)
    tls.sendall(query(f"{ENDLESS}SELECT pg_sleep(60)"))
    assert eventually(lambda: READING in doing())
    with socket.create_connection(("127.0.0.1", local_cluster.port)) as plain:
        plain.sendall(cancel_request(pid, key))
    assert b"canceling statement due to user request" in tls.recv(1000)
    assert other.ask("SELECT 1").sqlstate is None
    other.close()


def test_a_text_whose_reader_is_killed_fails_and_no_more(client: RawClient) -> None:
    client.send_part(query(ENDLESS))
    assert eventually(lambda: READING in doing())
    killed = set(readers())
    for reader in killed:
        os.kill(reader, signal.SIGKILL)
    assert client.reply().sqlstate == "53200"
    client.send_part(query(LONG))
    assert tags(client) == ["SELECT 1"] * MANY
    assert killed.isdisjoint(readers())


def test_nobody_reads_on_for_a_client_that_has_gone(endpoint: Endpoint) -> None:
    gone = RawClient(endpoint)
    gone.send_part(query(ENDLESS))
    assert eventually(lambda: READING in doing())
    gone.close()
    assert eventually(lambda: READING not in doing())


def doing() -> list[str]:
    return [each.doing for each in local.sessions()]


def readers() -> list[int]:
    """The processes that the local cluster has for long texts."""
    children = Path(f"/proc/{daemon()}/task/{daemon()}/children").read_text().split()
    return [
        int(pid)
        for pid in children
        if b"dsqlkit.local.apart" in Path(f"/proc/{pid}/cmdline").read_bytes()
    ]
