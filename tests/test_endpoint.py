"""Which cluster a command talks to, and where each part of the answer came from."""

from collections.abc import Mapping

import pytest

from dsqlkit.cluster_names import parse_host_port, region_of
from dsqlkit.endpoint import Endpoint, LocalAddress, resolve
from dsqlkit.errors import UsageError

CLUSTER = "abcdefghijklmnopqrstuvwxy2"
HOST = f"{CLUSTER}.dsql.eu-west-1.on.aws"
HERE = LocalAddress("localhost", 6543, "us-east-1", "/state/ca.pem", "AKIALOCAL", "local-secret")


def never_started() -> LocalAddress:
    raise AssertionError("the local cluster is not meant here")


def resolved(
    endpoint: str | None = None,
    environ: Mapping[str, str] | None = None,
    local: LocalAddress | None = None,
    /,
    *,
    region: str | None = None,
    user: str | None = None,
) -> Endpoint:
    return resolve(
        endpoint,
        region=region,
        user=user,
        environ=environ or {},
        start_local=never_started if local is None else lambda: local,
        local_address=lambda: local,
    )


@pytest.mark.parametrize(
    ("option", "environ", "host", "port", "source"),
    [
        (
            HOST,
            {"CLUSTER_ENDPOINT": f"b.{HOST}", "PGHOST": f"c.{HOST}"},
            HOST,
            5432,
            "`endpoint`",
        ),
        (
            None,
            {"CLUSTER_ENDPOINT": f"{HOST}:5433", "PGHOST": f"c.{HOST}", "PGPORT": "5434"},
            HOST,
            5433,
            "CLUSTER_ENDPOINT",
        ),
        (None, {"CLUSTER_ENDPOINT": HOST, "PGPORT": "5434"}, HOST, 5432, "CLUSTER_ENDPOINT"),
        (None, {"CLUSTER_ENDPOINT": "", "PGHOST": HOST, "PGPORT": "5434"}, HOST, 5434, "PGHOST"),
        (None, {"PGHOST": HOST}, HOST, 5432, "PGHOST"),
        (None, {"PGHOST": HOST, "PGPORT": ""}, HOST, 5432, "PGHOST"),
        (HOST, {"PGPORT": "5434"}, HOST, 5432, "`endpoint`"),
    ],
)
def test_an_option_goes_before_the_environment_and_cluster_endpoint_before_pghost(
    option: str | None, environ: dict[str, str], host: str, port: int, source: str
) -> None:
    endpoint = resolved(option, environ)
    assert (endpoint.host, endpoint.port, endpoint.host_source) == (host, port, source)
    assert not endpoint.is_local


@pytest.mark.parametrize(
    ("option", "environ", "source"),
    [
        (None, {}, "default"),
        (None, {"CLUSTER_ENDPOINT": "", "PGHOST": ""}, "default"),
        ("local", {"CLUSTER_ENDPOINT": HOST}, "`endpoint`"),
        ("Local", {}, "`endpoint`"),
        (None, {"CLUSTER_ENDPOINT": "local", "PGHOST": HOST}, "CLUSTER_ENDPOINT"),
        (None, {"PGHOST": "local", "PGPORT": "1"}, "PGHOST"),
    ],
)
def test_without_a_name_or_by_the_word_local_the_local_cluster_is_started(
    option: str | None, environ: dict[str, str], source: str
) -> None:
    endpoint = resolved(option, environ, HERE)
    assert endpoint.is_local
    assert (endpoint.host, endpoint.port) == ("localhost", 6543)
    assert endpoint.root_certificate == "/state/ca.pem"
    assert (endpoint.host_source, endpoint.region_source) == (source, "the local cluster")


@pytest.mark.parametrize("text", ["local:5432", "LOCAL:5432"])
def test_the_word_local_takes_no_port(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        resolved(text)
    assert text in caught.value.message
    assert "localhost:5432" in str(caught.value.hint)


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "[::1]", "local.dsql.us-east-1.on.aws"])
def test_a_name_of_this_machine_means_the_local_cluster_and_starts_nothing(name: str) -> None:
    endpoint = resolve(
        f"{name}:7000", environ={}, start_local=never_started, local_address=lambda: HERE
    )
    assert endpoint.is_local
    assert endpoint.port == 7000
    assert endpoint.root_certificate == "/state/ca.pem"


def test_what_dsqlkit_env_exports_leads_back_to_the_same_local_cluster() -> None:
    endpoint = resolved(None, {"PGHOST": "localhost", "PGPORT": "6543"}, HERE)
    assert (endpoint.is_local, endpoint.port, endpoint.host_source) == (True, 6543, "PGHOST")


def test_localhost_is_an_ordinary_host_where_there_never_was_a_local_cluster() -> None:
    assert not resolved("localhost:6543").is_local


@pytest.mark.parametrize(
    ("host", "region", "environ", "found", "source"),
    [
        (HOST, "us-west-2", {"AWS_REGION": "us-east-2"}, "us-west-2", "`region`"),
        (HOST, None, {"AWS_REGION": "us-east-2"}, "eu-west-1", "the endpoint's name"),
        (
            "proxy.example.com",
            None,
            {"AWS_REGION": "us-east-2", "AWS_DEFAULT_REGION": "us-west-1"},
            "us-east-2",
            "AWS_REGION",
        ),
        (
            "proxy.example.com",
            None,
            {"AWS_REGION": "", "AWS_DEFAULT_REGION": "us-west-1", "REGION": "us-west-2"},
            "us-west-1",
            "AWS_DEFAULT_REGION",
        ),
        ("proxy.example.com", None, {"REGION": "ap-northeast-2"}, "ap-northeast-2", "REGION"),
    ],
)
def test_a_region_comes_from_the_option_then_the_name_then_the_environment(
    host: str, region: str | None, environ: dict[str, str], found: str, source: str
) -> None:
    endpoint = resolved(host, environ, region=region)
    assert (endpoint.region, endpoint.region_source) == (found, source)


def test_a_bare_cluster_id_becomes_a_full_name_with_a_region_given_apart() -> None:
    assert resolved(CLUSTER, region="eu-west-1").host == HOST
    assert resolved(f"{CLUSTER}:5433", {"AWS_REGION": "eu-west-1"}).address == f"{HOST}:5433"


@pytest.mark.parametrize("host", [CLUSTER, "proxy.example.com"])
def test_a_name_without_a_region_and_no_region_elsewhere_is_a_usage_error(host: str) -> None:
    with pytest.raises(UsageError, match=f"No region is known for {host}"):
        resolved(host)


@pytest.mark.parametrize(
    ("options", "environ", "user", "source"),
    [
        ({"user": "app"}, {"PGUSER": "other"}, "app", "`user`"),
        ({}, {"PGUSER": "other"}, "other", "PGUSER"),
        ({}, {"PGUSER": ""}, "admin", "default"),
        ({}, {}, "admin", "default"),
    ],
)
def test_a_role_comes_from_the_option_then_pguser_then_is_admin(
    options: dict[str, str], environ: dict[str, str], user: str, source: str
) -> None:
    endpoint = resolved(HOST, environ, **options)
    assert (endpoint.user, endpoint.user_source) == (user, source)
    assert endpoint.is_admin == (user == "admin")


@pytest.mark.parametrize(
    ("host", "region"),
    [
        (HOST, "eu-west-1"),
        (f"{CLUSTER}.dsql-fnh4.us-east-1.on.aws", "us-east-1"),
        (f"{CLUSTER}.dsql-gamma.us-gov-west-1.on.aws", "us-gov-west-1"),
        ("local.dsql.us-east-1.on.aws", "us-east-1"),
        (f"{HOST}.example.com", None),
        (f"{CLUSTER}.dsql.on.aws", None),
        (f"{CLUSTER}.s3.us-east-1.on.aws", None),
        ("localhost", None),
    ],
)
def test_the_region_is_read_from_a_clusters_name_privatelink_included(
    host: str, region: str | None
) -> None:
    assert region_of(host) == region


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        (HOST, HOST, None),
        (f"{HOST}:5433", HOST, 5433),
        (HOST.upper(), HOST, None),
        (f"{HOST}.", f"{HOST}.", None),
        ("127.0.0.1:1", "127.0.0.1", 1),
        ("localhost:65535", "localhost", 65535),
        ("::1", "::1", None),
        ("[::1]", "::1", None),
        ("[::1]:6543", "::1", 6543),
    ],
)
def test_an_endpoint_is_a_host_with_or_without_a_port(
    text: str, host: str, port: int | None
) -> None:
    assert parse_host_port(text) == (host, port)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        ":",
        ":5432",
        f"{HOST}:",
        f"{HOST}:0",
        f"{HOST}:65536",
        f"{HOST}:-1",
        f"{HOST}:5432x",
        f"{HOST}:\u0665\u0664",
        f"{HOST}:5432:5432",
        f"https://{HOST}",
        f"{HOST}/postgres",
        f"admin@{HOST}",
        f"{HOST} sslmode=disable",
        f"{HOST},{HOST}",
        "-dash.example.com",
        "dash-.example.com",
        "two..dots.example.com",
        "x" * 64 + ".example.com",
        "1.2.3",
        "1.2.3.4.5",
        "300.1.1.1",
        "[::1",
        "[::1]x",
        "[localhost]",
        "[127.0.0.1]:5432",
        "/var/run/postgresql",
        "host\n.example.com",
        "b\u00fccher.example.com",
    ],
)
def test_a_malformed_endpoint_is_a_usage_error_that_quotes_it(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_host_port(text)
    assert repr(text) in caught.value.message


def test_a_socket_folder_is_refused_with_the_reason() -> None:
    with pytest.raises(UsageError) as caught:
        resolved(None, {"PGHOST": "/var/run/postgresql"})
    assert caught.value.hint is not None
    assert "TLS" in caught.value.hint


@pytest.mark.parametrize(
    ("environ", "options", "complaint"),
    [
        ({"PGHOST": HOST, "PGPORT": "many"}, {}, "PGPORT is 'many'"),
        ({"PGHOST": HOST, "PGPORT": "70000"}, {}, "PGPORT is '70000'"),
        ({"PGHOST": HOST}, {"region": "mars"}, "`region` is 'mars'"),
        ({"PGHOST": "proxy.example.com", "AWS_REGION": "mars"}, {}, "AWS_REGION is 'mars'"),
        ({"PGHOST": HOST}, {"user": ""}, "`user` is '', which is not a role"),
        ({"PGUSER": "r" * 64}, {}, "PGUSER is 'rrrr.*is not a role"),
        ({"PGHOST": HOST}, {"user": "r" * 64}, "is not a role"),
        ({"PGHOST": HOST}, {"user": "a\nb"}, "is not a role"),
    ],
)
def test_a_bad_value_is_refused_by_the_name_it_was_given_under(
    environ: dict[str, str], options: dict[str, str], complaint: str
) -> None:
    with pytest.raises(UsageError, match=complaint):
        resolved(None, environ, **options)


def test_no_secret_is_in_the_repr_of_an_endpoint() -> None:
    assert "local-secret" not in repr(resolved(None, None, HERE)) + repr(HERE)


@pytest.mark.parametrize(
    ("text", "address"),
    [(HOST, HOST), (f"{HOST}:5432", HOST), (f"{HOST}:5433", f"{HOST}:5433")],
)
def test_an_address_is_shown_without_the_usual_port(text: str, address: str) -> None:
    assert resolved(text).address == address
    assert resolved("[::1]:7000", region="us-east-1").address == "[::1]:7000"


@pytest.mark.parametrize(
    ("port", "usable"), [("0", False), ("1", True), ("65535", True), ("65536", False)]
)
def test_a_port_is_from_1_to_65535_wherever_it_is_given(port: str, usable: bool) -> None:
    for option, environ in ((f"{HOST}:{port}", {}), (None, {"PGHOST": HOST, "PGPORT": port})):
        if usable:
            assert resolved(option, environ).port == int(port)
        else:
            with pytest.raises(UsageError, match="port"):
                resolved(option, environ)


@pytest.mark.parametrize("role", ["r" * 63, "ü" * 31])
def test_a_role_may_have_sixty_three_bytes(role: str) -> None:
    assert resolved(HOST, user=role).user == role
    with pytest.raises(UsageError, match="is not a role's name"):
        resolved(HOST, user=role + "ü")


def test_a_host_name_may_have_253_characters() -> None:
    longest = ".".join(["a" * 61, "b" * 63, "c" * 63, "d" * 63])
    assert len(longest) == 253
    assert parse_host_port(longest) == (longest, None)
    with pytest.raises(UsageError):
        parse_host_port("a" + longest)


@pytest.mark.parametrize(
    ("environ", "options", "hint"),
    [
        ({"PGUSER": "r" * 64}, {}, "`unset PGUSER`"),
        ({"PGHOST": "proxy.example.com", "AWS_REGION": "mars"}, {}, "`unset AWS_REGION`"),
        ({"PGHOST": "proxy.example.com"}, {}, "`unset PGHOST`"),
    ],
)
def test_a_bad_variable_is_to_be_unset_and_a_bad_option_is_not(
    environ: dict[str, str], options: dict[str, str], hint: str
) -> None:
    with pytest.raises(UsageError) as caught:
        resolved(None, environ, **options)
    assert hint in (caught.value.hint or "")
    for given in ({"user": "r" * 64}, {"region": "mars"}, {}):
        with pytest.raises(UsageError) as caught:
            resolved("proxy.example.com", **given)
        assert "unset" not in (caught.value.hint or "")


def test_a_region_that_was_asked_for_overrules_that_of_the_local_cluster_and_is_named() -> None:
    asked = resolved("local", {}, HERE, region="eu-west-1")
    assert (asked.region, asked.region_source) == ("eu-west-1", "`region`")
    told = resolved("local", {}, HERE)
    assert (told.region, told.region_source) == ("us-east-1", "the local cluster")
