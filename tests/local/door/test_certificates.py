"""The local cluster's certificates: kept while they last, renewed under the same authority."""

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from dsqlkit.local.door.certificates import ensure_certificates
from dsqlkit.local.state import StateFolder


@pytest.fixture
def state(tmp_path: Path) -> StateFolder:
    folder = StateFolder(tmp_path)
    ensure_certificates(folder)
    return folder


def handshake(state: StateFolder, name: str) -> None:
    """A TLS handshake in memory, by a client that trusts the authority and checks `name`."""
    server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_context.load_cert_chain(state.certificate)
    client_context = ssl.create_default_context(cafile=str(state.certificate_authority))
    client_context.verify_flags |= ssl.VERIFY_X509_STRICT
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = client_context.wrap_bio(to_client, to_server, server_hostname=name)
    server = server_context.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(4):
        for side in (client, server):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
    assert client.version() == "TLSv1.3"


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "::1", "local.dsql.us-east-1.on.aws"])
def test_it_is_good_for_our_names(state: StateFolder, name: str) -> None:
    handshake(state, name)


def test_it_is_good_for_no_other_name(state: StateFolder) -> None:
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        handshake(state, "example.com")


def test_the_authority_may_vouch_for_nothing_else(state: StateFolder) -> None:
    authority = x509.load_pem_x509_certificate(state.certificate_authority.read_bytes())
    constraints = authority.extensions.get_extension_for_class(x509.NameConstraints)
    assert constraints.critical
    assert constraints.value.permitted_subtrees is not None
    assert x509.DNSName("localhost") in constraints.value.permitted_subtrees
    limits = authority.extensions.get_extension_for_class(x509.BasicConstraints)
    assert limits.value == x509.BasicConstraints(ca=True, path_length=0)


def test_it_is_kept_while_it_lasts(state: StateFolder) -> None:
    before = state.certificate.read_bytes()
    ensure_certificates(state)
    assert state.certificate.read_bytes() == before


@pytest.mark.parametrize("damage", ["near its end", "unreadable", "gone"])
def test_it_is_renewed_and_its_authority_kept(state: StateFolder, damage: str) -> None:
    authority, before = state.certificate_authority.read_bytes(), state.certificate.read_text()
    if damage == "near its end":
        soon = datetime.now(UTC) + timedelta(days=29)
        state.certificate.write_text(f"Expires: {soon.isoformat()}\n{before.partition(chr(10))[2]}")
    elif damage == "unreadable":
        state.certificate.write_text("")
    else:
        state.certificate.unlink()
    ensure_certificates(state)
    assert state.certificate.read_text() != before
    assert state.certificate_authority.read_bytes() == authority
    handshake(state, "localhost")
