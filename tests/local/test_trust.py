"""What AWS's own tools and samples need to trust the local cluster under an AWS name."""

import ssl
from pathlib import Path

import certifi
import pytest

from dsqlkit.endpoint import LOCAL_AWS_NAME, LocalAddress
from dsqlkit.local import missing_hosts_line, trust_bundle

LINE = f"127.0.0.1 {LOCAL_AWS_NAME}"


def roots(file: Path | str) -> set[bytes]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(file)
    return set(context.get_ca_certs(binary_form=True))


def test_the_bundle_holds_the_public_roots_and_the_local_one(local_cluster: LocalAddress) -> None:
    own = roots(local_cluster.root_certificate)
    assert len(own) == 1
    assert roots(trust_bundle({})) == roots(certifi.where()) | own


def test_the_bundle_keeps_the_roots_that_somebody_chose(
    local_cluster: LocalAddress, tmp_path: Path
) -> None:
    chosen = tmp_path / "roots.pem"
    one = Path(certifi.where()).read_text().partition("-----END CERTIFICATE-----")
    chosen.write_text(one[0] + one[1])
    bundle = trust_bundle({"SSL_CERT_FILE": str(chosen)})
    assert roots(bundle) == roots(chosen) | roots(local_cluster.root_certificate)
    again = trust_bundle({"SSL_CERT_FILE": str(bundle)})
    assert roots(again) >= roots(certifi.where())


@pytest.mark.parametrize(
    ("hosts", "missing"),
    [
        ("", LINE),
        ("127.0.0.1 localhost\n", LINE),
        (f"# {LINE}\n", LINE),
        (f"10.0.0.1 {LOCAL_AWS_NAME}\n", LINE),
        (f"127.0.0.1 {LOCAL_AWS_NAME}.example\n", LINE),
        (f"127.0.0.1\tlocalhost {LOCAL_AWS_NAME} # ours\n", None),
        (LINE, None),
    ],
)
def test_a_hosts_file_lacks_the_line_or_has_it(hosts: str, missing: str | None) -> None:
    assert missing_hosts_line(hosts) == missing
