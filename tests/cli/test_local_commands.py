"""`local start`, `stop`, `status`, `set`, `reset` as a person and as a script meet them."""

import pytest

from tests.support.commands import Command

pytestmark = [pytest.mark.own_cluster, pytest.mark.usefixtures("local_cluster", "own_cluster")]


def test_what_changes_the_cluster_answers_with_a_sentence(dsqlkit: Command) -> None:
    assert dsqlkit("local", "stop").out == "The local cluster was not running.\n"
    told = dsqlkit("local", "set", "--conflict-rate", "0.5").out
    assert told == "Faults of the local cluster from its next start on: conflict-rate 0.5.\n"
    assert dsqlkit("local", "start", "--quiet").code == 0
    told = dsqlkit("local", "set", "--none").out
    assert told == "Faults of the local cluster now: none.\n"
    assert dsqlkit("local", "stop").out == "The local cluster is stopped. Its data stays.\n"
    told = dsqlkit("local", "reset", "--yes").out
    assert told == "The local cluster is stopped; its data is deleted and its faults are off.\n"


def test_the_exit_code_of_status_says_whether_it_runs(dsqlkit: Command) -> None:
    assert dsqlkit("local", "status").code == 3
    stopped = dsqlkit("local", "status", "--json")
    assert (stopped.code, stopped.document["running"], stopped.err) == (3, False, "")
    started = dsqlkit("local", "start", "--json")
    assert (started.code, started.document["running"]) == (0, True)
    assert dsqlkit("local", "status").code == 0


def test_a_script_gets_the_cluster_as_it_is_then(dsqlkit: Command) -> None:
    keys = list(dsqlkit("local", "status", "--json").document)
    for command in (["stop"], ["set", "--none"], ["reset", "--yes"], ["start"], ["stop"]):
        answered = dsqlkit("local", *command, "--json")
        assert answered.code == 0
        assert list(answered.document) == keys
        assert answered.document["running"] is (command == ["start"])
