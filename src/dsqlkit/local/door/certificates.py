"""The local cluster's own certificate authority and server certificate.

Clients trust the authority by its file alone, and its name constraints let it vouch for nothing
but this machine's names. Both keys have mode 0600.
"""

import ipaddress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from dsqlkit.endpoint import LOCAL_HOSTS
from dsqlkit.local.state import StateFolder
from dsqlkit.whole_file import write_whole

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

_AUTHORITY_LIFE = timedelta(days=3650)
_CERTIFICATE_LIFE = timedelta(days=397)
_RENEW_BEFORE = timedelta(days=30)
_EXPIRES = "Expires: "


def ensure_certificates(state: StateFolder) -> None:
    """Make the authority and the certificate, or a new certificate when it is near its end.

    The first line of the certificate's file repeats its expiry, so that looking does not need
    the cryptography library (some 70 ms).
    """
    now = datetime.now(UTC)
    if state.certificate_authority.exists():
        if _expiry(state) > now + _RENEW_BEFORE:
            return
    else:
        _make_authority(state, now)
    _make_certificate(state, now)


def _expiry(state: StateFolder) -> datetime:
    try:
        with state.certificate.open() as file:
            return datetime.fromisoformat(file.readline().removeprefix(_EXPIRES).strip())
    except (FileNotFoundError, ValueError):
        return datetime.min.replace(tzinfo=UTC)


def _make_authority(state: StateFolder, now: datetime) -> None:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = _name("dsqlkit local CA")
    constraints = x509.NameConstraints(
        permitted_subtrees=_names(networks=True), excluded_subtrees=None
    )
    certificate = (
        _builder(name, name, key, now, _AUTHORITY_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(signs_certificates=True), critical=True)
        .add_extension(constraints, critical=True)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    # The certificate last: where it exists, the key does.
    write_whole(state.certificate_authority_key, _key_pem(key))
    write_whole(state.certificate_authority, _certificate_pem(certificate), mode=0o644)


def _make_certificate(state: StateFolder, now: datetime) -> None:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    authority = x509.load_pem_x509_certificate(state.certificate_authority.read_bytes())
    authority_key = serialization.load_pem_private_key(
        state.certificate_authority_key.read_bytes(), password=None
    )
    assert isinstance(authority_key, ec.EllipticCurvePrivateKey)
    key = ec.generate_private_key(ec.SECP256R1())
    life = min(_CERTIFICATE_LIFE, authority.not_valid_after_utc - now)
    certificate = (
        _builder(_name("localhost"), authority.subject, key, now, life)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signs_certificates=False), critical=True)
        .add_extension(
            x509.ExtendedKeyUsage([x509.oid.ExtendedKeyUsageOID.SERVER_AUTH]), critical=False
        )
        .add_extension(x509.SubjectAlternativeName(_names(networks=False)), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()),
            critical=False,
        )
        .sign(authority_key, hashes.SHA256())
    )
    expires = f"{_EXPIRES}{certificate.not_valid_after_utc.isoformat()}\n"
    write_whole(state.certificate, expires + _certificate_pem(certificate) + _key_pem(key))


def _builder(
    subject: "x509.Name",
    issuer: "x509.Name",
    key: "EllipticCurvePrivateKey",
    now: datetime,
    life: timedelta,
) -> "x509.CertificateBuilder":
    from cryptography import x509

    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + life)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _name(common_name: str) -> "x509.Name":
    from cryptography import x509

    return x509.Name([x509.NameAttribute(x509.oid.NameOID.COMMON_NAME, common_name)])


def _names(*, networks: bool) -> "list[x509.GeneralName]":
    """Our names, with each address as itself or, for name constraints, as a network of one."""
    from cryptography import x509

    names: list[x509.GeneralName] = []
    for host in sorted(LOCAL_HOSTS):
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            names.append(x509.DNSName(host))
        else:
            names.append(x509.IPAddress(ipaddress.ip_network(address) if networks else address))
    return names


def _key_usage(*, signs_certificates: bool) -> "x509.KeyUsage":
    from cryptography import x509

    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _key_pem(key: "EllipticCurvePrivateKey") -> str:
    from cryptography.hazmat.primitives import serialization

    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


def _certificate_pem(certificate: "x509.Certificate") -> str:
    from cryptography.hazmat.primitives import serialization

    return certificate.public_bytes(serialization.Encoding.PEM).decode()
