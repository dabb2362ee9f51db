"""TLS with certificates made here: real handshakes, renewal, and files that only their owner reads."""

from __future__ import annotations

import socket
import ssl
import threading
from pathlib import Path

import pytest
import trustme

from brookmill.clock import SystemClock, VirtualClock
from brookmill.config import ConfigError, Settings
from brookmill.http.certificates import ssl_parameters

CLOCK = SystemClock()
DAY = 86400.0


def settings(directory: Path, http: str = "127.0.0.1:0") -> Settings:
    return Settings(data_dir=str(directory), tls="self-made", http=http)


def handshake(parameters: dict[str, str], authority: Path, name: str) -> None:
    """A TLS connection over loopback, checked by the client as any client would."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(parameters["ssl_certfile"], parameters["ssl_keyfile"])
    ours, theirs = socket.socketpair()
    with ours, theirs:
        thread = threading.Thread(target=_serve, args=(server, ours))
        thread.start()
        try:
            client = ssl.create_default_context(cafile=str(authority))
            client.verify_flags |= ssl.VERIFY_X509_STRICT
            with client.wrap_socket(theirs, server_hostname=name) as tls:
                assert tls.recv(2) == b"ok"
        finally:
            theirs.close()
            thread.join()


def _serve(context: ssl.SSLContext, connection: socket.socket) -> None:
    try:
        with context.wrap_socket(connection, server_side=True) as tls:
            tls.send(b"ok")
    except OSError:
        connection.close()


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "::1", socket.gethostname(), "192.0.2.7"])
def test_clients_that_trust_the_authority_connect(tmp_path: Path, name: str) -> None:
    parameters = ssl_parameters(settings(tmp_path, "192.0.2.7:443"), CLOCK)
    handshake(parameters, tmp_path / "tls" / "ca.pem", name)


def test_other_names_are_refused(tmp_path: Path) -> None:
    parameters = ssl_parameters(settings(tmp_path), CLOCK)
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(parameters, tmp_path / "tls" / "ca.pem", "cloud.mongodb.com")


def test_keys_are_private(tmp_path: Path) -> None:
    ssl_parameters(settings(tmp_path), CLOCK)
    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "tls").iterdir()}
    assert modes == {"ca.pem": 0o644, "ca.key": 0o600, "server.pem": 0o644, "server.key": 0o600}


def contents(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (directory / "tls").iterdir()}


def test_nothing_changes_until_it_must(tmp_path: Path) -> None:
    clock = VirtualClock(CLOCK.now())
    ssl_parameters(settings(tmp_path), clock)
    first = contents(tmp_path)
    clock.advance(300 * DAY)
    ssl_parameters(settings(tmp_path), clock)
    assert contents(tmp_path) == first
    clock.advance(40 * DAY)
    ssl_parameters(settings(tmp_path), clock)
    second = contents(tmp_path)
    assert {name for name in first if first[name] != second[name]} == {"server.pem", "server.key"}
    clock.advance(3600 * DAY)
    ssl_parameters(settings(tmp_path), clock)
    assert not {name for name in first if contents(tmp_path)[name] == second[name]}


@pytest.mark.parametrize(("lost", "kept"), [("ca.key", set()), ("server.pem", {"ca.pem", "ca.key"})])
def test_what_was_lost_is_made_again(tmp_path: Path, lost: str, kept: set[str]) -> None:
    ssl_parameters(settings(tmp_path), CLOCK)
    first = contents(tmp_path)
    (tmp_path / "tls" / lost).unlink()
    parameters = ssl_parameters(settings(tmp_path), CLOCK)
    assert {name for name, text in contents(tmp_path).items() if first[name] == text} == kept
    handshake(parameters, tmp_path / "tls" / "ca.pem", "localhost")


def test_a_new_address_gets_a_new_certificate(tmp_path: Path) -> None:
    ssl_parameters(settings(tmp_path), CLOCK)
    parameters = ssl_parameters(settings(tmp_path, "192.0.2.9:443"), CLOCK)
    handshake(parameters, tmp_path / "tls" / "ca.pem", "192.0.2.9")


def test_an_own_certificate_is_taken(tmp_path: Path) -> None:
    authority = trustme.CA()
    issued = authority.issue_cert("localhost")
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    certificate, key = tmp_path / "mine.pem", tmp_path / "mine.key"
    issued.cert_chain_pems[0].write_to_path(str(certificate))
    issued.private_key_pem.write_to_path(str(key))
    own = Settings(data_dir=str(tmp_path), tls="own", tls_certificate=str(certificate), tls_key=str(key))
    handshake(ssl_parameters(own, CLOCK), tmp_path / "ca.pem", "localhost")


def test_what_is_missing_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="needs tls_certificate"):
        ssl_parameters(Settings(tls="own"), CLOCK)
    with pytest.raises(ConfigError, match="cannot be read"):
        ssl_parameters(Settings(tls="own", tls_certificate=str(tmp_path / "x"), tls_key="y"), CLOCK)
    assert ssl_parameters(Settings(), CLOCK) == {}
