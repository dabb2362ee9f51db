"""ETag and If-Match on connections, as a client sees them."""

from __future__ import annotations

import httpx
import pytest
from served import Served


@pytest.fixture(scope="module")
def client(served: Served) -> httpx.Client:
    """Its paths are below the connections of a workspace."""
    client = served.client(served.bearer())
    connections = f"/groups/{served.own.id}/streams/{served.workspace().name}/connections"
    client.base_url = httpx.URL(str(client.base_url).rstrip("/") + connections)
    return client


def make(client: httpx.Client, name: str) -> str:
    answer = client.post(
        str(client.base_url).rstrip("/"), json={"type": "Https", "name": name, "url": "http://h1"}
    )
    assert answer.status_code == 200
    return answer.headers["etag"]


def patch(client: httpx.Client, name: str, url: str, **headers: str) -> httpx.Response:
    named = {key.replace("_", "-"): value for key, value in headers.items()}
    return client.patch(f"/{name}", json={"url": url}, headers=named)


def test_every_write_changes_the_tag(client: httpx.Client) -> None:
    first = make(client, "tags")
    assert client.get("/tags").headers["etag"] == first
    second = patch(client, "tags", "http://h2").headers["etag"]
    assert second != first
    back = client.post("/tags/revisions/1:rollback")
    assert back.headers["etag"] not in {first, second}
    assert client.get("/tags").headers["etag"] == back.headers["etag"]
    assert client.get("/tags?pretty=true&envelope=true").headers["etag"] == back.headers["etag"]
    assert "etag" not in client.get(str(client.base_url).rstrip("/")).headers


def test_a_write_goes_ahead_only_where_it_matches(client: httpx.Client) -> None:
    old = make(client, "match")
    now = patch(client, "match", "http://h2", if_match=old).headers["etag"]
    refused = patch(client, "match", "http://h3", if_match=old)
    assert refused.status_code == 412
    assert refused.json()["errorCode"] == "PRECONDITION_FAILED"
    assert now in refused.json()["detail"]
    for sent in (f"W/{now}", "nonsense", '""', now.strip('"')):
        assert patch(client, "match", "http://h3", if_match=sent).status_code == 412
        assert client.delete("/match", headers={"If-Match": sent}).status_code == 412
        assert client.post("/match/revisions/1:rollback", headers={"If-Match": sent}).status_code == 412
    assert client.get("/match").headers["etag"] == now
    now = patch(client, "match", "http://h3", if_match=f'"other", {now}').headers["etag"]
    now = patch(client, "match", "http://h4", if_match="*").headers["etag"]
    assert client.delete("/match", headers={"If-Match": now}).status_code == 202


def test_what_is_not_there_comes_before_and_the_body_after(client: httpx.Client) -> None:
    assert patch(client, "nope", "http://h2", if_match="*").status_code == 404
    make(client, "order")
    answer = client.patch("/order", content=b"{no JSON", headers={"If-Match": '"x"'})
    assert answer.status_code == 412


def test_what_had_the_name_before_is_another(client: httpx.Client) -> None:
    old = make(client, "again")
    client.delete("/again")
    revived = client.post("/again/revisions/1:rollback", headers={"If-Match": old})
    assert revived.status_code == 412, "a deleted one matches nothing"
    make(client, "again")
    assert patch(client, "again", "http://h2", if_match=old).status_code == 412


def test_a_repeated_write_is_answered_alike(client: httpx.Client) -> None:
    make(client, "key")
    first = patch(client, "key", "http://h2", idempotency_key="a-key")
    patch(client, "key", "http://h3")
    again = patch(client, "key", "http://h2", idempotency_key="a-key")
    assert (again.status_code, again.content) == (200, first.content)
    assert again.headers["etag"] == first.headers["etag"]
    assert patch(client, "key", "http://h4", idempotency_key="a-key").status_code == 422
    deleted = [client.delete("/key", headers={"Idempotency-Key": "b-key"}) for _ in range(2)]
    assert [(one.status_code, one.content) for one in deleted] == [(202, b"{}")] * 2


def test_how_one_in_use_is_treated_can_be_asked_for(client: httpx.Client) -> None:
    make(client, "ways")
    for sent in ({"params": {"updates": "next-start"}}, {"headers": {"Brookmill-Updates": "refuse"}}):
        assert client.patch("/ways", json={"url": "http://h2"}, **sent).status_code == 200  # type: ignore[arg-type]
    wrong = client.patch("/ways?updates=never", json={"url": "http://h2"})
    assert (wrong.status_code, wrong.json()["errorCode"]) == (400, "INVALID_QUERY_PARAMETER")
