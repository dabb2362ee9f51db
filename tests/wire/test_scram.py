"""Logins by SCRAM-SHA-256, against the published example and against a client written from the RFC."""

from __future__ import annotations

import base64
import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brookmill.wire import scram
from brookmill.wire.scram import Credential, Exchange, LoginFailed

SECRET = b"s" * 32
ANN = Credential.of("pencil", salt=b"salt" * 7)
USERS = {"ann": ANN, "a,b=c": ANN}


def exchange(nonce: str = "server") -> Exchange:
    return Exchange(USERS.get, SECRET, nonce=nonce)


class Client:
    """The other side, plain."""

    def __init__(self, user: str, password: str, header: str = "n,,") -> None:
        self.header = header
        self.password = password.encode()
        self.bare = f"n={user.replace('=', '=3D').replace(',', '=2C')},r=client"

    def first(self) -> bytes:
        return (self.header + self.bare).encode()

    def final(self, answer: bytes, *, nonce: str | None = None, bound: str | None = None) -> bytes:
        parts = dict(part.split("=", 1) for part in answer.decode().split(","))
        salted = hashlib.pbkdf2_hmac("sha256", self.password, base64.b64decode(parts["s"]), int(parts["i"]))
        key = hmac.digest(salted, b"Client Key", "sha256")
        channel = base64.b64encode((self.header if bound is None else bound).encode()).decode()
        without = f"c={channel},r={parts['r'] if nonce is None else nonce}"
        self.signed = f"{self.bare},{answer.decode()},{without}".encode()
        signature = hmac.digest(hashlib.sha256(key).digest(), self.signed, "sha256")
        proof = base64.b64encode(bytes(a ^ b for a, b in zip(key, signature, strict=True))).decode()
        self.expected = hmac.digest(hmac.digest(salted, b"Server Key", "sha256"), self.signed, "sha256")
        return f"{without},p={proof}".encode()


def test_the_example_of_rfc_7677(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scram, "ITERATIONS", 4096)  # as many as the example has
    salt = base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ==")
    credential = Credential.of("pencil", salt=salt, iterations=4096)
    server = Exchange({"user": credential}.get, SECRET, nonce="%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0")
    assert server.first(b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO") == (
        b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
    )
    final = (
        b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
        b"p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
    )
    assert server.final(final) == b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="
    assert server.user == "user"


@pytest.mark.parametrize("user", ["ann", "a,b=c"])
@pytest.mark.parametrize("header", ["n,,", "y,,"])
def test_a_right_password(user: str, header: str) -> None:
    client, server = Client(user, "pencil", header), exchange()
    final = client.final(server.first(client.first()))
    assert server.final(final) == b"v=" + base64.b64encode(client.expected)
    assert server.user == user


@pytest.mark.parametrize(("user", "password"), [("ann", "pen"), ("ann", ""), ("bob", "pencil"), ("", "")])
def test_a_wrong_one(user: str, password: str) -> None:
    client, server = Client(user or "x", password), exchange()
    final = client.final(server.first(client.first()))
    with pytest.raises(LoginFailed):
        server.final(final)
    with pytest.raises(LoginFailed):  # nobody guesses twice
        server.final(final)


def test_users_that_do_not_exist_look_like_others() -> None:
    def told(user: str, nonce: str) -> str:
        return exchange(nonce).first(Client(user, "x").first()).decode().partition(",")[2]

    assert told("bob", "1") == told("bob", "2") != told("eve", "1")
    salts = [base64.b64decode(told(user, "1").split(",")[0][2:]) for user in ("ann", "bob")]
    assert len(salts[0]) == len(salts[1])
    assert told("bob", "1").split(",")[1] == told("ann", "1").split(",")[1] == "i=15000"


def test_another_nonce_or_channel_is_refused() -> None:
    for wrong in ({"nonce": "client"}, {"nonce": "other"}, {"bound": "y,,"}, {"bound": ""}):
        client, server = Client("ann", "pencil"), exchange()
        final = client.final(server.first(client.first()), **wrong)
        with pytest.raises(LoginFailed):
            server.final(final)


def test_a_proof_is_of_no_use_in_another_exchange() -> None:
    client, server = Client("ann", "pencil"), exchange("one")
    final = client.final(server.first(client.first()))
    again = exchange("two")
    again.first(client.first())
    with pytest.raises(LoginFailed):
        again.final(final)


@pytest.mark.parametrize(
    "payload",
    [
        *[
            b"",
            b"n,,",
            b"n,,n=ann",
            b"n,,n=,r=x",
            b"n,,r=x,n=ann",
            b"n,,n=ann,r=",
            b"p=tls-unique,,n=ann,r=x",
        ],
        *[b"n,a=bob,n=ann,r=x", b"n,,m=x,n=ann,r=x", b"n,,n=a=zz,r=x", b"n,,n=a=2,r=x", b"n,,n=ann,r=x,y"],
        *[b"\xff\xff", b"n,,n=a\0n,r=x", b"n,,n=ann,r=" + b"x" * 5000],
    ],
)
def test_broken_first_messages(payload: bytes) -> None:
    with pytest.raises(LoginFailed):
        exchange().first(payload)


@given(st.binary(max_size=80))
def test_noise_is_refused_and_nothing_worse(noise: bytes) -> None:
    for start in (b"", b"n,,n=ann,", b"n,,n=ann,r="):
        server = exchange()
        try:
            server.first(start + noise)
        except LoginFailed:
            server = exchange()
            server.first(b"n,,n=ann,r=x")
        for end in (noise, b"c=biws,r=xserver,p=" + noise, b"c=biws,r=xserver," + noise):
            with pytest.raises(LoginFailed):
                server.final(end)


def test_steps_out_of_order() -> None:
    with pytest.raises(LoginFailed):
        exchange().final(b"c=biws,r=x,p=x")
    server = exchange()
    server.first(Client("ann", "x").first())
    with pytest.raises(LoginFailed):
        server.first(Client("ann", "x").first())


def test_passwords_are_prepared_as_rfc_4013_says() -> None:
    salt = b"s" * 28
    assert Credential.of("I\u00adX", salt=salt) == Credential.of("IX", salt=salt)
    assert Credential.of("\u2168", salt=salt) == Credential.of("IX", salt=salt)
    assert Credential.of("\u00a0", salt=salt) == Credential.of(" ", salt=salt)
    with pytest.raises(ValueError, match="SASLprep"):
        Credential.of("a\u0007", salt=salt)


def test_credentials_are_strong_and_show_nothing() -> None:
    with pytest.raises(ValueError, match="iterations"):
        Credential.of("pencil", iterations=4096)
    one, other = Credential.of("pencil"), Credential.of("pencil")
    assert one.salt != other.salt
    assert "pencil" not in repr(one)
    assert repr(one.stored_key) not in repr(one)


def test_a_credential_is_kept_as_text_that_shows_nothing() -> None:
    credential = Credential.of("pencil")
    assert Credential.of_kept(credential.kept()) == credential
    assert "stored_key" not in repr(credential.kept())
