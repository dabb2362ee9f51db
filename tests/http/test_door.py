"""What is refused before an operation is asked, and in which order; what lies around the Admin API."""

from __future__ import annotations

import json
from collections.abc import Callable

import httpx
import pytest
import structlog
from served import Served, V

from brookmill.domain.principal import Role
from brookmill.operations import OPERATIONS, Operation

NOBODY: frozenset[Role] = frozenset()


def test_unknown_paths(served: Served) -> None:
    for path in ("/api/atlas/v2/nope", "/api/atlas/v1.0/groups", "/", "/api/atlas/v20", "/API/atlas/v2"):
        answer = httpx.get(served.url + path)
        assert answer.status_code == 404
        assert answer.headers["content-type"] == "application/json"
        assert answer.headers["x-error-code"] == "RESOURCE_NOT_FOUND"
        assert answer.content == (
            b'{"detail":"Cannot find resource %s.","error":404,"errorCode":"RESOURCE_NOT_FOUND",'
            b'"parameters":["%s"],"reason":"Not Found"}' % (path.encode(), path.encode())
        )


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("PUT", "/groups/{g}/streams", "GET, HEAD, POST"),
        ("DELETE", "/groups/{g}/streams", "GET, HEAD, POST"),
        ("GET", "/groups/{g}/streams:withSampleConnections", "POST"),
        ("OPTIONS", "/groups/{g}/streams/ws/connections/c", "DELETE, GET, HEAD, PATCH"),
        ("PATCH", "/rateLimits", "GET, HEAD"),
    ],
)
def test_other_methods(served: Served, method: str, path: str, allow: str) -> None:
    answer = served.client().request(method, path.format(g=served.own.id))
    assert answer.status_code == 405
    assert answer.headers["allow"] == allow
    assert answer.headers["x-error-code"] == "METHOD_NOT_ALLOWED"
    assert list(answer.json()) == ["detail", "error", "errorCode", "parameters", "reason"]


def test_the_order_of_refusals(served: Served) -> None:
    """Contract c.2, step 1: each request has all the faults that come later, too."""
    nobody, owner = served.bearer(NOBODY), served.bearer()
    good, bad = f"/groups/{served.own.id}", f"/groups/{'9' * 24}"
    form = {"Content-Type": "application/x-www-form-urlencoded"}

    def patch(path: str, auth: httpx.Auth | None, accept: str = V, **headers: str) -> tuple[int, str]:
        answer = served.client(auth, accept).patch(
            f"{path}/streams/ws?envelope=x", content=b"{", headers=headers
        )
        return answer.status_code, answer.headers.get("x-error-code", "")

    assert patch("/nope", None, "*/*", **form) == (404, "RESOURCE_NOT_FOUND")
    assert patch(bad, None, "*/*", **form) == (406, "INVALID_VERSION_DATE")
    assert patch(bad, None, **form) == (415, "UNSUPPORTED_MEDIA_TYPE")
    assert patch(bad, None) == (401, "")
    assert patch("/groups/XYZ", nobody) == (404, "INVALID_GROUP_ID")
    assert patch(bad, nobody) == (401, "USER_UNAUTHORIZED")
    assert patch(bad, owner) == (404, "GROUP_NOT_FOUND")
    assert patch(f"/groups/{served.other.id}", owner) == (401, "NOT_IN_GROUP")
    assert patch(good, owner)[0] in (400, 404)


def test_the_status_of_a_missing_role_can_be_set(start: Callable[..., Served]) -> None:
    forbidding = start(missing_role_status=403)
    answer = forbidding.client(forbidding.bearer(NOBODY)).get(f"/groups/{forbidding.own.id}/streams")
    assert (answer.status_code, answer.json()["error"], answer.json()["reason"]) == (403, 403, "Forbidden")
    assert answer.json()["errorCode"] == "USER_UNAUTHORIZED"


def test_a_missing_role_byte_for_byte(served: Served) -> None:
    answer = served.client(served.bearer(NOBODY)).get(f"/groups/{served.own.id}/streams")
    assert answer.status_code == 401
    assert answer.headers["x-error-code"] == "USER_UNAUTHORIZED"
    assert "www-authenticate" not in answer.headers, "Digest clients would try again for ever"
    assert answer.content == (
        b'{"detail":"Current user is not authorized to perform this action.","error":401,'
        b'"errorCode":"USER_UNAUTHORIZED","parameters":[],"reason":"Unauthorized"}'
    )


def test_versions_on_the_wire(served: Served, start: Callable[..., Served]) -> None:
    path = f"/groups/{served.own.id}/streams"
    for asked in ("2023-02-01", "2024-08-05", "2025-03-12"):
        answer = served.client(served.bearer(), f"application/vnd.atlas.{asked}+json").get(path)
        assert answer.headers["content-type"] == "application/vnd.atlas.2023-02-01+json;charset=utf-8"
        assert "deprecation" not in answer.headers
        assert "sunset" not in answer.headers
    assert served.client(served.bearer(), "application/json").get(path).status_code == 406
    lenient = start(lenient_versions=True)
    answer = lenient.client(lenient.bearer(), "application/json").get(f"/groups/{lenient.own.id}/streams")
    assert answer.status_code == 200


def test_older_versions_tell_their_end(served: Served) -> None:
    path = f"/groups/{served.own.id}/clusters"
    older = served.client(served.bearer(), "application/vnd.atlas.2023-02-01+json").get(path)
    assert older.headers["content-type"] == "application/vnd.atlas.2023-02-01+json;charset=utf-8"
    assert older.headers["deprecation"] == "Mon, 5 Aug 2024 00:00:00 GMT"
    assert older.headers["sunset"] == "Thu, 1 Jul 2027 00:00:00 GMT"
    newest = served.client(served.bearer()).get(path)
    assert newest.headers["content-type"] == "application/vnd.atlas.2024-08-05+json;charset=utf-8"
    assert not {"deprecation", "sunset"} & newest.headers.keys()


def test_a_created_project_tells_where_it_is(served: Served) -> None:
    client = served.client(served.bearer())
    answer = client.post("/groups", json={"name": "Located", "orgId": served.a.id})
    assert answer.status_code == 201
    assert answer.headers["location"] == f"{served.url}/api/atlas/v2/groups/{answer.json()['id']}"
    assert client.delete(answer.headers["location"]).status_code == 202


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=lambda o: o.id)
def test_every_operation_negotiates_and_asks_who(served: Served, operation: Operation) -> None:
    path = operation.route
    for name in operation.arguments:
        path = path.replace("{" + name + "}", "1" * 24)
    ask = served.client(accept=None).request
    assert ask(operation.method, path).status_code == 406
    newest = {"Accept": f"application/vnd.atlas.2025-03-12+{operation.media}"}
    assert ask(operation.method, path, headers=newest).status_code == 401


# --- rate limit


def test_rate_limit(start: Callable[..., Served]) -> None:
    limited = start(rate_limit=5)
    client, other = limited.client(limited.bearer()), limited.client(limited.bearer())
    path = f"/groups/{limited.own.id}/streams"
    for remaining in (4, 3, 2):
        answer = client.get(path)
        assert answer.headers["ratelimit-limit"] == "5"
        assert answer.headers["ratelimit-remaining"] == str(remaining)
    assert other.get(f"{path}/nope").headers["ratelimit-remaining"] == "1", (
        "one bucket a project, errors count"
    )
    assert client.get(path).status_code == 200
    refused = client.get(path)
    target = f"/api/atlas/v2{path}"
    assert refused.status_code == 429
    assert (refused.headers["ratelimit-limit"], refused.headers["ratelimit-remaining"]) == ("5", "0")
    wait = int(refused.headers["retry-after"])
    assert 1 <= wait <= 12
    assert refused.json() == {
        "detail": f"Rate limit exceeded for {target}. Please retry after {wait} seconds. "
        "Request capacity: 5. Refill rate: 5 per 60 seconds.",
        "error": 429,
        "errorCode": "RATE_LIMITED_TOKEN_BUCKET",
        "parameters": [target, wait, 5, 5, 60],
        "reason": "Too Many Requests",
    }
    assert client.get(f"/groups/{limited.foreign.id}/streams").status_code == 200
    assert client.get("").headers.get("ratelimit-limit") is None
    limited.clock.shift += wait
    assert client.get(path).status_code == 200
    assert client.get(path).status_code == 429
    limited.clock.shift += 3000
    assert client.get(path).headers["ratelimit-remaining"] == "4"


def test_strangers_take_no_tokens(start: Callable[..., Served]) -> None:
    limited = start(rate_limit=3)
    path = f"/groups/{limited.own.id}/streams"
    stranger = limited.client(limited.bearer(org_id=limited.b.id))
    for client in (limited.client(), stranger, limited.client(limited.bearer(NOBODY))):
        for _ in range(5):
            answer = client.get(path)
            assert answer.status_code == 401
            assert "ratelimit-limit" not in answer.headers
    assert limited.client(limited.bearer()).get(path).headers["ratelimit-remaining"] == "2"


def test_rate_limits_are_told(start: Callable[..., Served]) -> None:
    limited = start(rate_limit=77)
    client = limited.client(limited.bearer(), "application/vnd.atlas.2025-03-12+json")
    (found,) = client.get("/rateLimits").json()["results"]
    assert client.get(f"/rateLimits/{found['endpointSetId']}").json() == found
    assert (found["scope"], found["capacity"]["value"], found["refillRate"]["value"]) == ("GROUP", 77, 77)
    endpoint = {
        "method": "PATCH",
        "path": "/api/atlas/v2/groups/{groupId}/streams/{tenantName}/connections/{connectionName}",
    }
    assert endpoint in found["endpoints"]
    assert len(found["endpoints"]) <= 100
    for query, count in (
        ("name=stream", 1),
        ("name=x", 0),
        ("endpointPath=/streams", 1),
        ("endpointPath=/x", 0),
    ):
        assert client.get(f"/rateLimits?{query}").json()["totalCount"] == count
    assert client.get("/rateLimits/nope").json()["errorCode"] == "RESOURCE_NOT_FOUND"


# --- around the Admin API


def test_probes(served: Served) -> None:
    for path in ("/livez", "/readyz"):
        answer = httpx.get(served.url + path)
        assert (answer.status_code, answer.text) == (200, "ok\n")
        assert httpx.head(served.url + path).status_code == 200
        assert httpx.post(served.url + path).headers["allow"] == "GET, HEAD"
    assert httpx.get(f"{served.url}/version").json().keys() == {"name", "version"}


def test_metrics_have_no_names_that_clients_make_up(served: Served) -> None:
    client = served.client(served.bearer())
    for n in range(50):
        client.get(f"/made-up-{n}")
    client.get(f"/groups/{served.own.id}/streams/made-up-name")
    text = httpx.get(f"{served.url}/metrics").text
    assert "made-up" not in text
    assert 'brookmill_http_requests_total{operation="getGroupStreamWorkspace",status="404"}' in text
    assert 'brookmill_http_request_seconds_bucket{le="0.005",operation="getGroupStreamWorkspace"}' in text
    labels = {
        line.split('operation="')[1].split('"')[0] for line in text.splitlines() if 'operation="' in line
    }
    fixed = {"/livez", "/readyz", "/version", "/metrics", "/api/oauth/token", "/api/oauth/revoke", "none"}
    assert {name for name in labels if not name.startswith("/api/private/")} <= OPERATIONS.keys() | fixed


def test_telemetry_is_swallowed(served: Served) -> None:
    for path in ("/api/private/v1.0/telemetry/events", "/api/private/unauth/telemetry/events"):
        answer = httpx.post(served.url + path, content=b"[" + b"x" * 100_000)
        assert (answer.status_code, answer.content) == (200, b"{}")


def test_what_tools_ask_on_the_side(served: Served) -> None:
    path = "/api/private/unauth/nds/defaultMongoDBMajorVersion"
    answer = httpx.get(served.url + path)
    assert (answer.text, answer.headers["content-type"]) == ("8.0", "text/plain; charset=utf-8")
    assert httpx.get(f"{served.url}/api/private/ipinfo").json() == {"currentIpv4Address": "127.0.0.1"}


# --- logs and our own bugs


def test_one_log_line_without_queries_and_credentials(served: Served) -> None:
    public, private = served.api_key()
    with structlog.testing.capture_logs() as logs:
        answer = served.client(httpx.DigestAuth(public, private)).get("", params={"secret": "hunter2"})
    assert answer.status_code == 200
    lines = [line for line in logs if line["event"] == "request"]
    assert [line["status"] for line in lines] == [401, 200]
    line = lines[1]
    assert line["operation"] == "getSystemStatus"
    assert line["principal"] == public
    assert line["path"] == "/api/atlas/v2/"
    assert line["milliseconds"] > 0
    assert not [word for word in ("hunter2", private, "Digest") if word in json.dumps(logs)]


def test_our_own_bugs(served: Served) -> None:
    def broken(call: object) -> None:
        raise ValueError("hunter2 is in here")

    system = OPERATIONS["getSystemStatus"]
    original = system.function
    object.__setattr__(system, "function", broken)
    try:
        with structlog.testing.capture_logs() as logs:
            answer = served.client(served.bearer()).get("", headers={"X-Request-Id": "bug-1"})
    finally:
        object.__setattr__(system, "function", original)
    assert answer.status_code == 500
    assert answer.headers["x-request-id"] == "bug-1"
    assert answer.content == (
        b'{"detail":"Unexpected error.","error":500,"errorCode":"UNEXPECTED_ERROR","parameters":[],'
        b'"reason":"Internal Server Error"}'
    )
    (line,) = [line for line in logs if line["event"] == "unexpected"]
    assert line["error"] == "ValueError"
    assert any("broken" in place for place in line["trace"])
    assert "hunter2" not in json.dumps(logs)
