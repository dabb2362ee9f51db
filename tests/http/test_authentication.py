"""Digest and Bearer on a live server, with httpx's own Digest and with real curl."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor

import httpx
import msgspec
import pytest
import sqlalchemy.event
from served import Served
from sqlalchemy import Engine

from brookmill.domain.access import AccessEntry
from brookmill.domain.principal import Role
from brookmill.http.nonces import LIFETIME

ACCEPT = {"Accept": "application/vnd.atlas.2023-01-01+json"}
UNAUTHORIZED = (
    b'{\n  "error" : 401,\n  "reason" : "Unauthorized",\n'
    b'  "detail" : "You are not authorized for this resource.",\n  "errorCode" : "UNEXPECTED_ERROR"\n}'
)
CHALLENGE = re.compile(
    r'Digest realm="MMS Public API", domain="", nonce="([A-Za-z0-9+/=]{32})", algorithm=MD5, '
    r'qop="auth", stale=(true|false)'
)

needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")


def challenged(answer: httpx.Response, *, stale: bool = False) -> str:
    """Check a 401 byte for byte; its nonce."""
    assert answer.status_code == 401
    assert answer.content == UNAUTHORIZED
    assert answer.headers["content-type"] == "application/json"
    assert "x-error-code" not in answer.headers
    assert "ratelimit-limit" not in answer.headers
    match = CHALLENGE.fullmatch(answer.headers["www-authenticate"])
    assert match is not None
    assert match[2] == ("true" if stale else "false")
    return match[1]


def md5(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()


def digest(
    key: tuple[str, str], nonce: str, uri: str, *, method: str = "GET", nc: int = 1, cnonce: str = "c0"
) -> dict[str, str]:
    ha1, ha2 = md5(f"{key[0]}:MMS Public API:{key[1]}"), md5(f"{method}:{uri}")
    response = md5(f"{ha1}:{nonce}:{nc:08x}:{cnonce}:auth:{ha2}")
    return {
        "Authorization": f'Digest username="{key[0]}", realm="MMS Public API", nonce="{nonce}", uri="{uri}", '
        f'response="{response}", algorithm=MD5, cnonce="{cnonce}", qop=auth, nc={nc:08x}',
        **ACCEPT,
    }


def status(
    served: Served, headers: dict[str, str], target: str = "/api/atlas/v2", method: str = "GET"
) -> httpx.Response:
    return httpx.request(method, served.url + target, headers=headers)


def test_without_credentials(served: Served) -> None:
    challenged(httpx.get(f"{served.url}/api/atlas/v2", headers=ACCEPT))


def test_httpx_reuses_its_nonce(served: Served) -> None:
    seen: list[int] = []
    with httpx.Client(auth=httpx.DigestAuth(*served.api_key()), headers=ACCEPT) as client:
        for n in range(5):
            answer = client.get(f"{served.url}/api/atlas/v2", params={"n": n, "pretty": "true"})
            seen += [r.status_code for r in [*answer.history, answer]]
            assert f"nc={n + 1:08x}" in answer.request.headers["authorization"]
    assert seen == [200] * 5 or seen == [401, *[200] * 5] or seen.count(200) == 5


def test_who_is_authenticated(served: Served) -> None:
    public, private = served.api_key()
    answer = httpx.get(f"{served.url}/api/atlas/v2", headers=ACCEPT, auth=httpx.DigestAuth(public, private))
    assert answer.json()["apiKey"]["publicKey"] == public
    assert private not in answer.text


@pytest.mark.parametrize(
    "target", ["/api/atlas/v2", "/api/atlas/v2?pretty=true&x=%2F+ü%20", "/api/atlas/v2/"]
)
def test_the_uri_is_the_request_target(served: Served, target: str) -> None:
    key = served.api_key()
    target = str(httpx.URL(served.url + target).raw_path, "ascii")
    nonce = challenged(status(served, ACCEPT, target))
    assert status(served, digest(key, nonce, target), target).status_code == 200


@pytest.mark.parametrize("uri", ["/api/atlas/v2", "/api/atlas/v2?x=2", "/", "", "/api/atlas/v2?x=1&y=2"])
def test_another_uri_is_refused(served: Served, uri: str) -> None:
    nonce = challenged(status(served, ACCEPT))
    challenged(status(served, digest(served.api_key(), nonce, uri), "/api/atlas/v2?x=1"))


def test_wrong_password_and_unknown_user_look_the_same(served: Served) -> None:
    key = served.api_key()
    nonce = challenged(status(served, ACCEPT))
    for wrong in ((key[0], "x"), ("nobodyxx", key[1]), ("", ""), (key[0] + "\\u0000", "x")):
        challenged(status(served, digest(wrong, nonce, "/api/atlas/v2")))
    assert status(served, digest(key, nonce, "/api/atlas/v2")).status_code == 200


def test_an_unknown_user_costs_as_much_as_a_known_one(served: Served) -> None:
    key = served.api_key()
    statements: list[str] = []

    def note(*arguments: object) -> None:
        statements.append(str(arguments[2]))

    sqlalchemy.event.listen(Engine, "before_cursor_execute", note)
    try:
        counts = []
        for user in (key[0], "nobodyxx"):
            statements.clear()
            challenged(status(served, digest((user, "x"), "n", "/api/atlas/v2")))
            counts.append(len(statements))
    finally:
        sqlalchemy.event.remove(Engine, "before_cursor_execute", note)
    assert counts[0] == counts[1] > 0


def test_another_method_is_refused(served: Served) -> None:
    nonce = challenged(status(served, ACCEPT))
    challenged(status(served, digest(served.api_key(), nonce, "/api/atlas/v2", method="POST")))


def test_head_is_answered_without_a_body(served: Served) -> None:
    nonce = httpx.head(f"{served.url}/api/atlas/v2", headers=ACCEPT).headers["www-authenticate"].split('"')[5]
    headers = digest(served.api_key(), nonce, "/api/atlas/v2", method="HEAD")
    answer = httpx.head(f"{served.url}/api/atlas/v2", headers=headers)
    assert (answer.status_code, answer.content) == (200, b"")
    assert int(answer.headers["content-length"]) > 100


def test_a_count_is_taken_once(served: Served) -> None:
    key = served.api_key()
    nonce = challenged(status(served, ACCEPT))
    counts = [(1, True), (2, True), (2, False), (4, True), (3, True), (3, False), (1, False), (5, True)]
    for nc, taken in counts:
        answer = status(served, digest(key, nonce, "/api/atlas/v2", nc=nc))
        if taken:
            assert answer.status_code == 200
        else:
            challenged(answer, stale=True)


def test_an_old_nonce_is_stale_and_a_foreign_one_too(served: Served) -> None:
    key = served.api_key()
    nonce = challenged(status(served, ACCEPT))
    assert status(served, digest(key, nonce, "/api/atlas/v2")).status_code == 200
    served.clock.shift += LIFETIME + 1
    fresh = challenged(status(served, digest(key, nonce, "/api/atlas/v2", nc=2)), stale=True)
    challenged(status(served, digest((key[0], "wrong"), nonce, "/api/atlas/v2", nc=2)), stale=False)
    assert status(served, digest(key, fresh, "/api/atlas/v2")).status_code == 200
    challenged(status(served, digest(key, "A" * 32, "/api/atlas/v2")), stale=True)


def test_a_deleted_key_is_dead_at_once(served: Served) -> None:
    key = served.api_key()
    auth = httpx.DigestAuth(*key)
    with httpx.Client(auth=auth, headers=ACCEPT) as client:
        answer = client.get(f"{served.url}/api/atlas/v2")
        with served.store.write() as session:
            session.access.remove_api_key(answer.json()["apiKey"]["id"])
        assert client.get(f"{served.url}/api/atlas/v2").status_code == 401


def test_roles_that_were_taken_away_are_gone_at_once(served: Served) -> None:
    public, private = served.api_key(frozenset({Role.ORG_OWNER}))
    client = served.client(httpx.DigestAuth(public, private))
    path = f"/groups/{served.own.id}/streams"
    id = client.get("", headers=ACCEPT).json()["apiKey"]["id"]
    assert client.get(path).status_code == 200
    with served.store.write() as session:
        key = session.access.api_key(id)
        assert key is not None
        session.access.replace_api_key(msgspec.structs.replace(key, org_roles=frozenset({Role.ORG_MEMBER})))
    assert client.get(path).json()["errorCode"] == "USER_UNAUTHORIZED"


def test_parallel_connections_share_a_nonce(served: Served) -> None:
    key = served.api_key()
    nonce = challenged(status(served, ACCEPT))

    def call(nc: int) -> int:
        return status(served, digest(key, nonce, "/api/atlas/v2", nc=nc)).status_code

    with ThreadPoolExecutor(16) as pool:
        assert set(pool.map(call, range(1, 65))) == {200}
        replayed = list(pool.map(call, [65] * 32))
    assert replayed.count(200) == 1


@pytest.mark.parametrize(
    "authorization",
    [
        "Digest",
        "Digest garbage",
        "Digest username=",
        'Digest username="a", username="b"',
        "Digest " + "a=b," * 4000,
        "Basic YTpi",
        "Bearer",
        "Bearer nope",
        "Bearer " + "x" * 30_000,
        "Bearer \xff\xfe",
        "bearer nope",
        "Negotiate x",
        "",
    ],
)
def test_whatever_is_no_credential(served: Served, authorization: str) -> None:
    headers = [("Accept", ACCEPT["Accept"]), ("Authorization", authorization)]
    answer = httpx.get(
        f"{served.url}/api/atlas/v2", headers=[(n.encode(), v.encode("latin-1")) for n, v in headers]
    )
    challenged(answer)


def test_two_authorization_headers_are_none(served: Served) -> None:
    token = served.bearer().token
    headers = [("Accept", ACCEPT["Accept"])] + [("Authorization", f"Bearer {token}")] * 2
    challenged(httpx.get(f"{served.url}/api/atlas/v2", headers=headers))


def test_access_lists(served: Served) -> None:
    key = served.api_key()
    auth = httpx.DigestAuth(*key)
    url = f"{served.url}/api/atlas/v2"
    id = httpx.get(url, headers=ACCEPT, auth=auth).json()["apiKey"]["id"]
    with served.store.write() as session:
        session.access.add_access_entry(id, AccessEntry(cidr="203.0.113.0/24", created=0.0))
    refused = httpx.get(url, headers=ACCEPT, auth=auth)
    assert refused.status_code == 403
    assert refused.content == (
        b'{"detail":"IP address 127.0.0.1 is not allowed to access this resource.","error":403,'
        b'"errorCode":"IP_ADDRESS_NOT_ON_ACCESS_LIST","parameters":["127.0.0.1"],"reason":"Forbidden"}'
    )
    with served.store.write() as session:
        session.access.add_access_entry(id, AccessEntry(cidr="127.0.0.1/32", created=0.0))
    assert httpx.get(url, headers=ACCEPT, auth=auth).status_code == 200
    forged = httpx.get(url, headers=ACCEPT | {"X-Forwarded-For": "203.0.113.1"}, auth=auth)
    assert forged.status_code == 200, "nobody asked us to trust a proxy"


# --- curl


def curl(*arguments: str) -> list[tuple[int, dict[str, str], bytes]]:
    """Every answer that curl got, in order: status, headers, body."""
    run = subprocess.run(
        ["curl", "--silent", "--show-error", "--include", "--max-time", "20", *arguments],
        capture_output=True,
        check=True,
    )
    answers, rest = [], run.stdout
    while rest:
        head, _, rest = rest.partition(b"\r\n\r\n")
        line, *lines = head.decode().split("\r\n")
        headers = {n.lower(): v.strip() for n, _, v in (text.partition(":") for text in lines)}
        followed = rest.startswith(b"HTTP/1.1 ")  # curl shows no body of a challenge that it answers
        length = 0 if followed else int(headers.get("content-length", "0"))
        answers.append((int(line.split()[1]), headers, rest[:length]))
        rest = rest[length:]
    return answers


@needs_curl
def test_curl_with_digest(served: Served) -> None:
    public, private = served.api_key()
    url = f"{served.url}/api/atlas/v2?pretty=true"
    accept = f"Accept: {ACCEPT['Accept']}"
    answers = curl("--digest", "--user", f"{public}:{private}", "-H", accept, url, url)
    assert [status for status, _, _ in answers] == [401, 200, 401, 200], "curl forgets between its URLs"
    assert json.loads(answers[-1][2])["apiKey"]["publicKey"] == public


@needs_curl
def test_curl_with_a_wrong_password(served: Served) -> None:
    public, _ = served.api_key()
    accept = f"Accept: {ACCEPT['Accept']}"
    answers = curl("--digest", "--user", f"{public}:wrong", "-H", accept, f"{served.url}/api/atlas/v2")
    assert [status for status, _, _ in answers] == [401, 401]
    assert answers[-1][2] == UNAUTHORIZED


@needs_curl
def test_curl_sends_a_body_with_digest(served: Served) -> None:
    workspace = served.workspace()
    public, private = served.api_key()
    body = '{"name":"web","type":"Https","url":"http://127.0.0.1:9/","headers":{"x":"y"}}'
    answers = curl(
        *("--digest", "--user", f"{public}:{private}", "-H", "Accept: application/vnd.atlas.2024-08-05+json"),
        *("-H", "Content-Type: application/json", "--data", body),
        f"{served.url}/api/atlas/v2/groups/{served.own.id}/streams/{workspace.name}/connections",
    )
    assert [status for status, _, _ in answers] == [401, 200]
    assert answers[1][1]["content-type"] == "application/vnd.atlas.2023-02-01+json;charset=utf-8"
    assert json.loads(answers[1][2])["url"] == "http://127.0.0.1:9/"
