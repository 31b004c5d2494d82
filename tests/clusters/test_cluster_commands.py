"""`cluster create`, `list`, `status`, `delete` as a person and a script see them."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.clusters.conftest import SECRET
from tests.support.aws_gateway import Gateway, changed
from tests.support.commands import Command

DSQLKIT = Path(sys.executable).with_name("dsqlkit")


def slow(account: Gateway, looks: int) -> None:
    """A status changes after so many looks at a cluster."""
    account.control(
        "state-manager/set-transition",
        {
            "model_name": "dsql::cluster",
            "transition": {"progression": "manual", "times": looks},
        },
    )


def created(cluster: Command, *options: str) -> str:
    id_ = cluster("create", "--json", *options).document["identifier"]
    assert isinstance(id_, str)
    return id_


def ids(cluster: Command) -> list[str]:
    return [each["identifier"] for each in cluster("list", "--json").document["clusters"]]


def test_a_cluster_is_made_and_its_endpoint_is_what_connect_takes(cluster: Command) -> None:
    made = cluster("create", "--tag", "Name=ch02", "--tag", "purpose=a=b c")
    assert made.code == 0
    (endpoint,) = re.findall(r"^Endpoint +(\S+)$", made.out, re.MULTILINE)
    assert f"Next: dsqlkit connect --endpoint {endpoint}\n" in made.err
    assert re.search(r"^Status +ACTIVE$", made.out, re.MULTILINE)
    assert re.search(r"^Deletion protection +off$", made.out, re.MULTILINE)
    assert re.search(r"^Tags +Name=ch02, purpose=a=b c$", made.out, re.MULTILINE)
    assert len(ids(cluster)) == 1


def test_json_has_the_fields_of_the_api(cluster: Command) -> None:
    made = cluster("create", "--tag", "Name=ch02", "--deletion-protection", "--json").document
    assert made["arn"].endswith(f"cluster/{made['identifier']}")
    assert made["status"] == "ACTIVE"
    assert made["deletionProtectionEnabled"] is True
    assert made["tags"] == {"Name": "ch02"}
    assert made["encryptionDetails"]["encryptionStatus"] == "ENABLED"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+\+00:00", made["creationTime"])
    assert cluster("status", made["identifier"], "--json").document == made
    assert cluster("list", "--json").document == {"clusters": [made]}


def test_creation_waits_until_the_cluster_is_active(cluster: Command, account: Gateway) -> None:
    slow(account, 3)
    made = cluster("create", "--json")
    assert made.document["status"] == "ACTIVE"
    assert made.err.startswith(f"Cluster {made.document['identifier']} is CREATING; waiting")
    assert len(account.requested("GET")) == 3


@pytest.mark.skipif(shutil.which("script") is None, reason="script (util-linux) is not installed")
def test_a_terminal_shows_the_status_while_it_is_waited_for(
    cluster: Command, account: Gateway
) -> None:
    slow(account, 3)
    shown = subprocess.run(
        ["script", "--quiet", "--return", "-c", f"{DSQLKIT} cluster create", "/dev/null"],
        check=True,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        env=os.environ | {"TERM": "xterm-256color"},
    ).stdout
    (id_,) = ids(cluster)
    assert re.search(rf"Cluster {id_} is CREATING \(\d+ s\)", shown)
    assert "Next: dsqlkit connect" in shown


def test_without_waiting_the_next_step_is_to_wait(cluster: Command, account: Gateway) -> None:
    slow(account, 2)
    made = cluster("create", "--no-wait")
    assert re.search(r"^Status +CREATING$", made.out, re.MULTILINE)
    assert account.requested("GET") == []
    (next_command,) = re.findall(r"^Next: dsqlkit cluster (.+)$", made.err, re.MULTILINE)
    waited = cluster(*next_command.split(), "--json")
    assert (waited.code, waited.document["status"]) == (0, "ACTIVE")


def test_a_wait_has_a_limit_and_says_what_stays(cluster: Command, account: Gateway) -> None:
    slow(account, 1000)
    ended = cluster("create", "--timeout", "0.1", "--json")
    assert (ended.code, ended.document["error"]["code"]) == (1, "cluster_not_ready")
    account.forget()
    (id_,) = ids(cluster)
    assert ended.document["error"]["message"].startswith(f"Cluster {id_} was created. ")
    assert f"`dsqlkit cluster status {id_} --region us-east-1 --wait`" in str(ended.document)


def test_a_cluster_that_fails_ends_the_wait(cluster: Command, account: Gateway) -> None:
    account.on("GET", "/cluster/", changed(lambda answer: answer.update(status="FAILED")))
    ended = cluster("create", "--json")
    assert (ended.code, ended.document["error"]["code"]) == (1, "cluster_not_ready")
    assert "is FAILED: it will not become ACTIVE" in ended.document["error"]["message"]


@pytest.mark.parametrize("status", ["IDLE", "INACTIVE"])
def test_a_sleeping_cluster_wakes_when_connected_so_nobody_waits_for_it(
    cluster: Command, account: Gateway, status: str
) -> None:
    account.on("GET", "/cluster/", changed(lambda answer: answer.update(status=status)))
    made = cluster("create")
    assert (made.code, "Next: dsqlkit connect" in made.err) == (0, True)


@pytest.mark.parametrize("arguments", [[], ["--json"]])
def test_ctrl_c_while_waiting_says_what_was_created(
    cluster: Command, account: Gateway, arguments: list[str]
) -> None:
    slow(account, 1000)
    waiting = subprocess.Popen(
        [DSQLKIT, "cluster", "create", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert waiting.stderr is not None
    said = waiting.stderr.readline()
    waiting.send_signal(signal.SIGINT)
    out, err = waiting.communicate(timeout=30)
    assert waiting.returncode == 130
    (id_,) = ids(cluster)
    assert said.startswith(f"Cluster {id_} is CREATING; waiting")
    if arguments:
        error = json.loads(out)["error"]
        assert error["code"] == "interrupted"
        err = error["message"] + error["hint"]
    assert f"Interrupted. Cluster {id_} was created." in err
    assert f"`dsqlkit cluster status {id_} --region us-east-1 --wait`" in err
    assert f"`dsqlkit cluster delete {id_} --region us-east-1`" in err


LOST = """
import io, signal, sys
from types import SimpleNamespace
from dsqlkit import interruption
from dsqlkit.aws import clusters

class Answer(io.BufferedIOBase):
    def close(self):
        if not self.closed:
            signal.raise_signal(signal.SIGINT)
            iter(range(9))
        super().close()

def get_cluster(identifier):
    Answer()
    return {"identifier": identifier, "status": "CREATING"}

interruption.catch()
plane = SimpleNamespace(region="us-east-1", client=SimpleNamespace(get_cluster=get_cluster))
try:
    clusters.wait_until_ready(plane, "a" * 26, limit_s=20, on_status=lambda _: None)
except KeyboardInterrupt:
    print("heard")
"""


def test_ctrl_c_is_heard_where_python_drops_what_it_raises() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", LOST], capture_output=True, text=True, check=False, timeout=30
    )
    assert (ended.stdout, ended.stderr) == ("heard\n", "")


def test_an_answer_without_an_endpoint_gets_the_name_that_every_cluster_has(
    cluster: Command, account: Gateway
) -> None:
    def older(answer: dict[str, Any]) -> None:
        answer.pop("endpoint", None)

    for method in ("POST", "GET"):
        account.on(method, "/cluster", changed(older))
    made = cluster("create", "--json").document
    assert made["endpoint"] == f"{made['identifier']}.dsql.us-east-1.on.aws"


def test_a_list_shows_names_and_whole_endpoints(
    cluster: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    empty = cluster("list")
    assert empty.out == "No clusters in us-east-1.\n"
    assert "Next: dsqlkit cluster create --region us-east-1" in empty.err
    first = cluster("create", "--tag", "Name=ch02", "--json").document
    second = created(cluster)
    shown = cluster("list").out
    assert re.search(rf"ch02 +ACTIVE +{re.escape(first['endpoint'])}", shown)
    assert second in shown


def test_a_list_follows_every_page_of_the_api(cluster: Command, account: Gateway) -> None:
    made = [created(cluster) for _ in range(3)]

    def one_a_page(request: Any, forward: Any) -> Any:
        path = (
            request.path.replace("?", "?max-results=1&")
            if "?" in request.path
            else (request.path + "?max-results=1")
        )
        return forward(type(request)(request.method, path, request.body, request.authorization))

    account.on("GET", "/cluster?", one_a_page)
    account.on("GET", "/cluster", one_a_page, times=1)
    account.requests.clear()
    assert ids(cluster) == made
    assert len([each for each in account.requests if "/cluster/" not in each.path]) == 3


def test_a_cluster_is_named_by_id_endpoint_or_arn_and_its_region_is_in_the_latter(
    cluster: Command, account: Gateway
) -> None:
    made = cluster("create", "--region", "us-east-2", "--json").document
    id_ = made["identifier"]
    for name in (f"{id_}.dsql.us-east-2.on.aws", made["arn"]):
        assert cluster("status", name, "--json").document == made
        assert "/us-east-2/dsql/aws4_request" in account.requests[-1].authorization
    assert cluster("status", id_, "--json").document["error"]["code"] == "cluster_not_found"
    assert cluster("status", id_, "--region", "us-east-2", "--json").document == made


def test_the_region_may_be_the_profiles(
    cluster: Command, account: Gateway, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    config = tmp_path / "config"
    keys = f"aws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = {SECRET}\n"
    config.write_text(f"[profile work]\nregion = us-east-2\n{keys}")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    made = cluster("create", "--profile", "work")
    assert "us-east-2" in made.out
    assert re.search(r"Next: dsqlkit connect --endpoint \S+ --profile work", made.err)


def test_deletion_needs_a_yes(cluster: Command, account: Gateway) -> None:
    id_ = created(cluster, "--tag", "Name=ch02")
    refused = cluster("delete", id_, "--json")
    assert (refused.code, refused.document["error"]["code"]) == (1, "confirmation_needed")
    assert f"{id_} (ch02) in us-east-1" in refused.document["error"]["message"]
    assert account.requested("DELETE") == []
    deleted = cluster("delete", id_, "--yes", "--json")
    assert (deleted.code, deleted.document["status"]) == (0, "DELETING")


@pytest.mark.skipif(shutil.which("script") is None, reason="script (util-linux) is not installed")
@pytest.mark.parametrize(("answer", "left"), [("n", 1), ("", 1), ("y", 0)])
def test_on_a_terminal_deletion_asks(
    cluster: Command, account: Gateway, answer: str, left: int
) -> None:
    id_ = created(cluster)
    asked = subprocess.run(
        ["script", "--quiet", "--return", "-c", f"{DSQLKIT} cluster delete {id_}", "/dev/null"],
        check=False,
        input=f"{answer}\n",
        capture_output=True,
        text=True,
        timeout=60,
        env=os.environ | {"TERM": "xterm"},
    )
    assert "would be deleted with all its data. [y/N]" in asked.stdout
    assert asked.returncode == (1 if left else 0)
    assert len(account.requested("DELETE")) == 1 - left


def test_deletion_can_be_waited_for(cluster: Command, account: Gateway) -> None:
    id_ = created(cluster)
    slow(account, 2)
    deleted = cluster("delete", id_, "--yes", "--wait")
    assert (deleted.code, deleted.out) == (0, f"Cluster {id_} is DELETED.\n")
    assert ids(cluster) == []


def test_a_protected_cluster_is_not_deleted_and_the_way_to_it_is_said(
    cluster: Command, account: Gateway
) -> None:
    id_ = created(cluster, "--deletion-protection")
    for answer in (None, changed(lambda answer: answer.update(deletionProtectionEnabled=False))):
        # The second time the API itself refuses: the protection was switched on in between.
        if answer:
            account.on("GET", "/cluster/", answer, times=1)
        refused = cluster("delete", id_, "--yes", "--json")
        assert (refused.code, refused.document["error"]["code"]) == (1, "deletion_protection")
        way = f"aws dsql update-cluster --identifier {id_} --region us-east-1"
        assert f"`{way} --no-deletion-protection-enabled`" in refused.document["error"]["hint"]
    assert ids(cluster) == [id_]


@pytest.mark.parametrize(
    "arguments",
    [
        ["status", "short"],
        ["status", "x" * 27],
        ["status", "local"],
        ["status", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"],
        ["status", "a" * 26 + ".dsql.us-east-1.on.aws", "--region", "us-east-2"],
        ["status", "arn:aws:s3:::" + "a" * 26],
        ["delete", "a" * 26 + "/../x", "--yes"],
        ["delete", "a" * 26, "--timeout", "0"],
        ["create", "--tag", "Name"],
        ["create", "--tag", "=ch02"],
        ["create", "--tag", "aws:x=1"],
        ["create", "--tag", "a=1", "--tag", "a=2"],
        ["create", "--tag", "a=" + "x" * 257],
        ["create", "--tag", "a=é"],
        ["create", "--timeout", "nan"],
        ["create", "--timeout", "4000"],
        ["create", "--client-token", ""],
        ["create", "--client-token", "a b"],
        ["create", "--region", "here"],
        ["list", "--region", "us-east-1\n"],
    ],
)
def test_a_bad_value_is_found_before_aws_is_asked(
    cluster: Command, account: Gateway, arguments: list[str]
) -> None:
    ended = cluster(*arguments, "--json")
    assert (ended.code, ended.error["code"]) == (2, "usage")
    assert account.requests == []
