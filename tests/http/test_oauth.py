"""The token endpoint: both ways to send credentials, the errors of RFC 6749, revocation; with real curl."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
from typing import Any

import httpx
import pytest
from served import Served

GRANT = {"grant_type": "client_credentials"}
ACCEPT = {"Accept": "application/vnd.atlas.2023-01-01+json"}

needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")


def token(served: Served, data: Any = GRANT, query: str = "", **kwargs: Any) -> httpx.Response:
    return httpx.post(f"{served.url}/api/oauth/token{query}", data=data, **kwargs)


def works(served: Served, access_token: str) -> bool:
    headers = ACCEPT | {"Authorization": f"Bearer {access_token}"}
    return httpx.get(f"{served.url}/api/atlas/v2", headers=headers).status_code == 200


def check(answer: httpx.Response, served: Served) -> None:
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    body = answer.json()
    assert list(body) == ["access_token", "expires_in", "token_type"]
    assert (body["expires_in"], body["token_type"]) == (3600, "Bearer")
    assert works(served, body["access_token"])


def test_basic(served: Served) -> None:
    check(token(served, auth=served.account()), served)


def test_basic_encoded_as_go_does(served: Served) -> None:
    id, secret = served.account()
    quoted = "".join(f"%{ord(c):02X}" if c in "_-" else c for c in secret)
    check(token(served, auth=(id, quoted)), served)


def test_form(served: Served) -> None:
    id, secret = served.account()
    check(token(served, GRANT | {"client_id": id, "client_secret": secret}), served)


def test_charset_and_accept(served: Served) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded; charset=UTF-8", "Accept": "text/html"}
    answer = httpx.post(
        f"{served.url}/api/oauth/token",
        content=b"grant_type=client_credentials",
        headers=headers,
        auth=served.account(),
    )
    check(answer, served)


def test_pretty_and_envelope(served: Served) -> None:
    account = served.account()
    pretty = token(served, query="?pretty=true", auth=account).text
    assert pretty.startswith('{\n  "access_token" : "')
    assert pretty.endswith('",\n  "expires_in" : 3600,\n  "token_type" : "Bearer"\n}')
    enveloped = token(served, query="?envelope=true", auth=account).json()
    assert enveloped["status"] == 200
    assert works(served, enveloped["content"]["access_token"])


def basic(text: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(text.encode()).decode()}


FORM = {"Content-Type": "application/x-www-form-urlencoded"}
ERRORS: list[tuple[str, bytes, dict[str, str], int, str]] = [
    ("nobody", b"grant_type=client_credentials", FORM, 401, "invalid_client"),
    ("wrong", b"grant_type=client_credentials", FORM | basic("mdb_sa_id_x:y"), 401, "invalid_client"),
    ("no colon", b"grant_type=client_credentials", FORM | basic("x"), 401, "invalid_client"),
    (
        "no base64",
        b"grant_type=client_credentials",
        FORM | {"Authorization": "Basic ä"},
        401,
        "invalid_client",
    ),
    (
        "not basic",
        b"grant_type=client_credentials",
        FORM | {"Authorization": "Bearer x"},
        401,
        "invalid_client",
    ),
    (
        "not utf-8",
        b"grant_type=client_credentials",
        FORM | {"Authorization": "Basic /////w=="},
        401,
        "invalid_client",
    ),
    ("NUL", b"grant_type=client_credentials", FORM | basic("\0:\0"), 401, "invalid_client"),
    ("form", b"grant_type=client_credentials&client_id=a&client_secret=b", FORM, 401, "invalid_client"),
    (
        "surrogate",
        b"grant_type=client_credentials&client_id=a&client_secret=%ED%A0%80",
        FORM,
        400,
        "invalid_request",
    ),
    ("both", b"grant_type=client_credentials&client_secret=b", FORM | basic("a:b"), 400, "invalid_request"),
    ("no grant", b"", FORM | basic("a:b"), 400, "invalid_request"),
    ("empty grant", b"grant_type=", FORM | basic("a:b"), 400, "invalid_request"),
    ("two grants", b"grant_type=a&grant_type=b", FORM | basic("a:b"), 400, "invalid_request"),
    ("other grant", b"grant_type=password", FORM | basic("a:b"), 400, "unsupported_grant_type"),
    (
        "json",
        b'{"grant_type":"client_credentials"}',
        {"Content-Type": "application/json"},
        400,
        "invalid_request",
    ),
    ("no type", b"grant_type=client_credentials", basic("a:b"), 400, "invalid_request"),
    ("bytes", b"grant_type=\xff", FORM | basic("a:b"), 400, "invalid_request"),
]


@pytest.mark.parametrize(
    ("body", "headers", "status", "error"), [row[1:] for row in ERRORS], ids=[r[0] for r in ERRORS]
)
def test_errors(served: Served, body: bytes, headers: dict[str, str], status: int, error: str) -> None:
    encoded = {name.encode(): value.encode("latin-1") for name, value in headers.items()}
    answer = httpx.post(f"{served.url}/api/oauth/token", content=body, headers=encoded)
    assert answer.status_code == status
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json()["error"] == error
    assert list(answer.json()) == ["error", "error_description"]
    if error == "invalid_client":
        assert answer.json()["error_description"] == "Invalid credentials provided."
        assert ("www-authenticate" in answer.headers) is ("Authorization" in headers)


def test_a_form_has_its_limits(served: Served) -> None:
    answer = httpx.post(f"{served.url}/api/oauth/token", content=b"x" * 20_000, headers=FORM)
    assert (answer.status_code, answer.json()["errorCode"]) == (413, "REQUEST_BODY_TOO_LARGE")
    answer = httpx.get(f"{served.url}/api/oauth/token")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


def test_tokens_end(served: Served) -> None:
    issued = token(served, auth=served.account()).json()["access_token"]
    served.clock.shift += 3590
    assert works(served, issued)
    served.clock.shift += 20
    assert not works(served, issued)


def test_revocation(served: Served) -> None:
    account, other = served.account(), served.account()
    first, second = (token(served, auth=account).json()["access_token"] for _ in range(2))

    def revoke(text: str, **kwargs: Any) -> httpx.Response:
        return httpx.post(f"{served.url}/api/oauth/revoke", data={"token": text}, **kwargs)

    assert revoke(first, auth=other).status_code == 200, "not his, but that is not told"
    assert works(served, first)
    answer = revoke(first, auth=account)
    assert (answer.status_code, answer.content) == (200, b"")
    assert "content-type" not in answer.headers
    assert not works(served, first)
    assert works(served, second)
    assert revoke("unknown", auth=account).status_code == 200
    refused = revoke(second, auth=(account[0], "wrong"))
    assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")
    assert revoke("", auth=account).json()["error"] == "invalid_request"
    form = {
        "token": second,
        "token_type_hint": "access_token",
        "client_id": account[0],
        "client_secret": account[1],
    }
    assert httpx.post(f"{served.url}/api/oauth/revoke", data=form).status_code == 200
    assert not works(served, second)


def test_a_removed_account_is_dead_at_once(served: Served) -> None:
    account = served.account()
    issued = token(served, auth=account).json()["access_token"]
    assert works(served, issued)
    with served.store.write() as session:
        session.access.remove_service_account(account[0])
    assert not works(served, issued)
    assert token(served, auth=account).json()["error"] == "invalid_client"


@needs_curl
@pytest.mark.parametrize("style", ["basic", "form"])
def test_curl(served: Served, style: str) -> None:
    id, secret = served.account()
    credentials = (
        ["--user", f"{id}:{secret}"]
        if style == "basic"
        else ["--data-urlencode", f"client_id={id}", "--data-urlencode", f"client_secret={secret}"]
    )
    run = subprocess.run(
        [
            "curl",
            "-sS",
            "--fail",
            *credentials,
            "--data",
            "grant_type=client_credentials",
            f"{served.url}/api/oauth/token",
        ],
        capture_output=True,
        check=True,
    )
    bearer = f"Authorization: Bearer {json.loads(run.stdout)['access_token']}"
    command = [
        "curl",
        "-sS",
        "--fail",
        "-H",
        bearer,
        "-H",
        f"Accept: {ACCEPT['Accept']}",
        f"{served.url}/api/atlas/v2",
    ]
    answer = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    assert answer["apiKey"] is None
