"""TLS: the operator's own certificate, or an authority and a certificate made here."""

from __future__ import annotations

import datetime as dt
import ipaddress
import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING

from brookmill.clock import Clock
from brookmill.config import ConfigError, Settings, address

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey as Key

_AUTHORITY_DAYS = 3650
_SERVER_DAYS = 397  # browsers take no longer ones
_RENEWED_DAYS = 60  # before the end


def ssl_parameters(settings: Settings, clock: Clock) -> dict[str, str]:
    """Uvicorn's ``ssl_`` parameters, none when TLS is off. Raises ConfigError.

    "self-made" keeps ``ca.pem`` for clients to trust, and its key, in ``tls`` in the data directory. The
    server's certificate is for localhost, the loopback addresses, this machine's name and the address
    listened on; it is made again at a start within two months of its end, or when one of those has changed.
    """
    if settings.tls == "off":
        return {}
    if settings.tls == "own":
        return _own(settings)
    directory = Path(settings.data_dir) / "tls"
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    now = dt.datetime.fromtimestamp(clock.now(), dt.UTC)
    _make(directory, _names(settings), now)
    return _files(directory / "server.pem", directory / "server.key")


def _own(settings: Settings) -> dict[str, str]:
    if settings.tls_certificate is None or settings.tls_key is None:
        raise ConfigError('tls = "own" needs tls_certificate and tls_key')
    for path in (settings.tls_certificate, settings.tls_key):
        if not os.access(path, os.R_OK):
            raise ConfigError(f"the TLS file {path} cannot be read")
    return _files(Path(settings.tls_certificate), Path(settings.tls_key))


def _files(certificate: Path, key: Path) -> dict[str, str]:
    return {"ssl_certfile": str(certificate), "ssl_keyfile": str(key)}


def _names(settings: Settings) -> list[str]:
    host, _ = address(settings.http)
    everywhere = {"0.0.0.0", "::", ""}  # noqa: S104
    return sorted({"localhost", "127.0.0.1", "::1", socket.gethostname(), host} - everywhere)


def _make(directory: Path, names: list[str], now: dt.datetime) -> None:
    """Make what is missing, wrong or near its end: first the authority, then what it has signed."""
    ca_pem, ca_key = directory / "ca.pem", directory / "ca.key"
    authority = _read(ca_pem)
    if authority is None or not ca_key.exists() or _ends_soon(authority, now):
        key = _new_key()
        authority = _signed(None, key, key, ["Brookmill local authority"], now=now, days=_AUTHORITY_DAYS)
        _write(ca_key, _key_text(key), 0o600)
        _write(ca_pem, _text(authority), 0o644)
    server = _read(directory / "server.pem")
    if server is None or _ends_soon(server, now) or not _fits(server, authority, names):
        key = _new_key()
        signed = _signed(authority, _load_key(ca_key), key, names, now=now, days=_SERVER_DAYS)
        _write(directory / "server.key", _key_text(key), 0o600)
        _write(directory / "server.pem", _text(signed), 0o644)


def _new_key() -> Key:
    from cryptography.hazmat.primitives.asymmetric import ec

    return ec.generate_private_key(ec.SECP256R1())


def _load_key(path: Path) -> Key:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    key = load_pem_private_key(path.read_bytes(), None)
    if not isinstance(key, EllipticCurvePrivateKey):
        raise ConfigError(f"{path} is not the key that was made here")
    return key


def _signed(
    authority: x509.Certificate | None,
    signer: Key,
    key: Key,
    names: list[str],
    *,
    now: dt.datetime,
    days: int,
) -> x509.Certificate:
    """A certificate for ``names``; ``authority`` None: of an authority, signed by itself."""
    from cryptography import x509
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    is_authority = authority is None
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost" if authority else names[0])])
    builder = (
        x509.CertificateBuilder(subject_name=subject, issuer_name=authority.subject if authority else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=days))
        .add_extension(x509.BasicConstraints(is_authority, 0 if is_authority else None), critical=True)
        .add_extension(_usage(is_authority), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False
        )
    )
    if not is_authority:
        alternatives = x509.SubjectAlternativeName([_alternative(name) for name in names])
        builder = builder.add_extension(alternatives, critical=False).add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False
        )
    return builder.sign(signer, SHA256())


def _usage(is_authority: bool) -> x509.KeyUsage:
    from cryptography import x509

    return x509.KeyUsage(
        digital_signature=not is_authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=is_authority,
        crl_sign=is_authority,
        encipher_only=False,
        decipher_only=False,
    )


def _alternative(name: str) -> x509.GeneralName:
    from cryptography import x509

    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name.encode("idna").decode())


def _read(path: Path) -> x509.Certificate | None:
    from cryptography import x509

    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return None


def _ends_soon(certificate: x509.Certificate, now: dt.datetime) -> bool:
    return certificate.not_valid_after_utc - now < dt.timedelta(days=_RENEWED_DAYS)


def _fits(certificate: x509.Certificate, authority: x509.Certificate, names: list[str]) -> bool:
    """Whether a certificate is the authority's and for all of the names."""
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature

    try:
        certificate.verify_directly_issued_by(authority)
        held = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (InvalidSignature, ValueError, TypeError, x509.ExtensionNotFound):
        return False
    return {_alternative(name) for name in names} <= set(held)


def _text(certificate: x509.Certificate) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding

    return certificate.public_bytes(Encoding.PEM)


def _key_text(key: Key) -> bytes:
    from cryptography.hazmat.primitives import serialization as s

    return key.private_bytes(s.Encoding.PEM, s.PrivateFormat.PKCS8, s.NoEncryption())


def _write(path: Path, text: bytes, mode: int) -> None:
    """Whole or not at all, and never readable by others in between."""
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(text)
    fresh.replace(path)
