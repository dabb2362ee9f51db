"""Digest on the server side: text in, text out."""

from __future__ import annotations

import base64

import pytest

from brookmill.clock import VirtualClock
from brookmill.domain.secret import Secret
from brookmill.http.digest import Credentials, challenge, matches, parse, response
from brookmill.http.nonces import LIFETIME, Nonces
from brookmill.operations.identity import REALM

GOOD = {
    "username": '"abcdefgh"',
    "realm": f'"{REALM}"',
    "nonce": '"n"',
    "uri": '"/api/atlas/v2/groups?pretty=true"',
    "qop": "auth",
    "nc": "00000001",
    "cnonce": '"c"',
    "response": '"0123"',
}


def header(**changes: str | None) -> str:
    members = {name: value for name, value in (GOOD | changes).items() if value is not None}
    return ", ".join(f"{name}={value}" for name, value in members.items())


def test_the_challenge_as_recorded() -> None:
    assert challenge("x" * 32, stale=False) == (
        'Digest realm="MMS Public API", domain="", nonce="'
        + "x" * 32
        + '", algorithm=MD5, qop="auth", stale=false'
    )
    assert challenge("x", stale=True).endswith(", stale=true")


@pytest.mark.parametrize(
    ("text", "understood"),
    [
        (header(), True),
        (header(algorithm="MD5"), True),
        (header(algorithm='"md5"'), True),
        (header(qop='"auth"'), True),
        (header(opaque='""'), True),
        (header() + ",", True),
        (header().replace(", ", ","), True),
        (header(username=r'"a\"b\\c"'), True),
        (header(algorithm="SHA-256"), False),
        (header(qop="auth-int"), False),
        (header(qop=None), False),
        (header(realm='"Other"'), False),
        (header(nc="1"), False),
        (header(nc="0000000g"), False),
        (header(cnonce='""'), False),
        (header(response=None), False),
        (header(username=None), False),
        (header() + ', username="other"', False),
        (header() + ", Digest username=x", False),
        (header(nonce='"n'), False),
        (header(uri='"' + "x" * 20_000 + '"'), False),
        ("", False),
        (",,,", False),
        ("a" * 100_000, False),
        ('a="' * 5_000, False),
    ],
)
def test_what_is_understood(text: str, understood: bool) -> None:
    assert (parse(text) is not None) is understood


def test_escapes_are_undone() -> None:
    credentials = parse(header(username=r'"a\"b\\c"'))
    assert credentials is not None
    assert credentials.username == 'a"b\\c'


def test_the_response_of_the_rfc() -> None:
    """RFC 7616, 3.9.1, with its own realm in the HA1."""
    ha1 = Secret("3d78807defe7de2157e2b0b6573a855f")  # MD5 of Mufasa:http-auth@example.org:Circle of Life
    credentials = Credentials(
        username="Mufasa",
        nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
        uri="/dir/index.html",
        nc="00000001",
        cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
        response="8ca523f5e9506fed4657c9700eebdbec",
    )
    assert response(ha1, "GET", credentials) == credentials.response
    assert matches(credentials, ha1, "GET")
    assert not matches(credentials, ha1, "POST")
    assert not matches(credentials, Secret("0" * 32), "GET")


def test_a_response_that_is_no_ascii_is_wrong() -> None:
    credentials = Credentials(username="u", nonce="n", uri="/", nc="00000001", cnonce="c", response="ä" * 32)
    assert not matches(credentials, Secret("0" * 32), "GET")


# --- nonces


def test_a_nonce_is_32_characters_of_base64_and_never_the_same() -> None:
    nonces = Nonces(VirtualClock(1e9))
    issued = {nonces.issue() for _ in range(1000)}
    assert len(issued) == 1000
    assert all(len(n) == 32 and len(base64.b64decode(n, validate=True)) == 24 for n in issued)


@pytest.mark.parametrize(
    ("counts", "accepted"),
    [
        ([1, 2, 3], [True, True, True]),
        ([1, 1], [True, False]),
        ([2, 1, 3, 1], [True, True, True, False]),  # parallel connections
        ([5, 4, 3, 2, 1, 3], [True, True, True, True, True, False]),
        ([200, 73, 72], [True, True, False]),  # too far behind to tell
        ([1, 2**32 - 1, 2], [True, True, False]),
        ([0], [False]),
    ],
)
def test_counts_are_used_once(counts: list[int], accepted: list[bool]) -> None:
    nonces = Nonces(VirtualClock(1e9))
    nonce = nonces.issue()
    assert [nonces.use(nonce, count) for count in counts] == accepted


def test_a_nonce_gets_old() -> None:
    clock = VirtualClock(1e9)
    nonces = Nonces(clock)
    nonce = nonces.issue()
    clock.advance(LIFETIME - 1)
    assert nonces.use(nonce, 1)
    clock.advance(2)
    assert not nonces.use(nonce, 2)


def test_only_our_own_nonces_count() -> None:
    clock = VirtualClock(1e9)
    mine, other = Nonces(clock), Nonces(clock)
    nonce = mine.issue()
    assert not other.use(nonce, 1)
    for wrong in ("", "x", "ä", "A" * 32, nonce[:-1], "B" + nonce[1:], nonce[:-1] + "=", nonce + "AAAA"):
        assert not mine.use(wrong, 1)
    assert mine.use(nonce, 1)


def test_what_had_to_be_forgotten_cannot_be_replayed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("brookmill.http.nonces._REMEMBERED", 10)
    clock = VirtualClock(1e9)
    nonces = Nonces(clock)
    used = []
    for _ in range(30):
        clock.advance(0.01)
        used.append(nonces.issue())
        assert nonces.use(used[-1], 1)
    assert not any(nonces.use(nonce, 1) for nonce in used)
    assert nonces.use(used[-1], 2)
    assert not nonces.use(used[0], 2)
