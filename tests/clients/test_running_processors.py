"""Processors with real workers, over HTTP: start, stop, what they block, what of them is seen."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest
import servers
from served import Served


class Streams:
    """A workspace with an Https connection to an endpoint, and a pipeline that sends to it."""

    def __init__(self, served: Served, client: httpx.Client, endpoint: servers.Endpoint) -> None:
        self.client, self.endpoint = client, endpoint
        self.workspace = f"/groups/{served.own.id}/streams/{served.workspace().name}"
        self.ok("POST", "/connections", {"name": "web", "type": "Https", "url": endpoint.url})

    def ask(self, method: str, path: str = "", body: Any = None) -> httpx.Response:
        return self.client.request(method, self.workspace + path, json=body)

    def ok(self, method: str, path: str = "", body: Any = None) -> Any:
        answer = self.ask(method, path, body)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None

    def refused(self, method: str, path: str, body: Any = None) -> tuple[int, str]:
        answer = self.ask(method, path, body)
        assert not answer.is_success, answer.text
        return answer.status_code, answer.json()["errorCode"]

    def create(self, name: str, count: int = 3) -> Any:
        documents = [{"n": n} for n in range(count)]
        pipeline = [
            {"$source": {"documents": documents}},
            {"$https": {"connectionName": "web", "method": "POST"}},
        ]
        return self.ok("POST", "/processor", {"name": name, "pipeline": pipeline})

    def state(self, name: str) -> str:
        return str(self.ok("GET", f"/processor/{name}")["state"])


def until(condition: Callable[[], bool], seconds: float = 40) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come true"
        time.sleep(0.02)


@pytest.fixture
def streams(served: Served, endpoint: servers.Endpoint) -> Streams:
    return Streams(
        served, served.client(served.bearer(), accept="application/vnd.atlas.2025-03-12+json"), endpoint
    )


def test_from_start_to_end(streams: Streams) -> None:
    made = streams.create("p")
    assert streams.state("p") == "CREATED"
    assert "stats" not in streams.ok("GET", "/processor/p")
    assert streams.ok("POST", "/processor/p:stop") == {}, "stopping what does not run changes nothing"
    assert streams.state("p") == "CREATED"

    assert streams.ok("POST", "/processor/p:start") == {}
    assert streams.state("p") == "STARTED"
    until(lambda: len(streams.endpoint.requests) == 3)
    assert [r.body for r in streams.endpoint.requests] == [b'{"n":0}', b'{"n":1}', b'{"n":2}']
    assert streams.ok("POST", "/processor/p:start") == {}, "starting what runs changes nothing"

    until(lambda: streams.ok("GET", "/processor/p").get("stats", {}).get("outputMessageCount") == 3)
    shown = streams.ok("GET", "/processor/p")
    assert shown["pipeline"] == made["pipeline"]
    assert shown["stats"]["inputMessageCount"] == 3
    assert streams.ok("GET", "/processors")["results"][0]["stats"]["name"] == "p"

    assert streams.refused("PATCH", "/connections/web", {"url": "http://a"}) == (
        409,
        "STREAM_CONNECTION_HAS_STREAM_PROCESSORS",
    )
    assert streams.refused("DELETE", "/connections/web")[0] == 409
    assert streams.refused("PATCH", "/processor/p", {"name": "q"}) == (400, "STREAM_PROCESSOR_GENERIC_ERROR")
    assert streams.refused("DELETE", "") == (403, "STREAM_TENANT_HAS_STREAM_PROCESSORS")

    assert streams.ok("POST", "/processor/p:stop") == {}
    shown = streams.ok("GET", "/processor/p")
    assert shown["state"] == "STOPPED"
    assert "stats" not in shown
    assert streams.ok("PATCH", "/connections/web", {"headers": {"x-new": "1"}})["headers"] == {"x-new": "1"}

    assert streams.ok("POST", "/processor/p:startWith", {"resumeFromCheckpoint": False, "tier": "SP30"}) == {}
    assert streams.ok("GET", "/processor/p")["effectiveTier"] == "SP30"
    until(lambda: len(streams.endpoint.requests) == 6)
    assert {r.headers.get("x-new") for r in streams.endpoint.requests[3:]} == {"1"}, (
        "new settings at next start"
    )

    assert streams.ask("DELETE", "/processor/p").status_code == 204
    assert streams.refused("GET", "/processor/p") == (404, "STREAM_PROCESSOR_NOT_FOUND_FOR_NAME")
    assert streams.ok("DELETE", "/connections/web") == {}
    assert streams.ok("DELETE") == {}


def test_all_processors_of_a_workspace_at_once(streams: Streams) -> None:
    for name in ("a", "b"):
        streams.create(name)
    streams.ok("PATCH", "", {"processorStatus": {"status": "STARTED"}})
    assert [p["state"] for p in streams.ok("GET", "/processors")["results"]] == ["STARTED", "STARTED"]
    until(lambda: len(streams.endpoint.requests) == 6)
    streams.ok("PATCH", "", {"processorStatus": {"status": "STOPPED", "mode": "GRACEFUL"}})
    assert [p["state"] for p in streams.ok("GET", "/processors")["results"]] == ["STOPPED", "STOPPED"]


def test_a_connection_that_went_away_is_told_at_start(streams: Streams) -> None:
    streams.create("p")
    streams.ok("DELETE", "/connections/web")
    answer = streams.ask("POST", "/processor/p:start")
    assert answer.status_code == 400
    assert answer.json()["errorCode"] == "STREAM_PROCESSOR_GENERIC_ERROR"
    assert "connection named web does not exist" in answer.json()["detail"]
    streams.ok("POST", "/connections", {"name": "web", "type": "Https", "url": streams.endpoint.url})
    assert streams.ok("POST", "/processor/p:start") == {}
    until(lambda: len(streams.endpoint.requests) == 3)
    streams.ok("POST", "/processor/p:stop")


def test_monitoring_sees_running_processors_by_their_ids(streams: Streams, served: Served) -> None:
    made = streams.create("measured", count=5)
    streams.ok("POST", "/processor/measured:start")
    one = f'processor_id="{made["_id"]}"'

    def lines() -> list[str]:
        text = httpx.get(f"{served.url}/metrics").text
        return [line for line in text.splitlines() if one in line]

    def shown(name: str) -> list[str]:
        return [
            line.split()[-1] for line in lines() if line.startswith(f"mongodb_atlas_stream_processing_{name}")
        ]

    until(lambda: shown("output_message_count_total{") == ["5.0"])
    assert shown("input_message_count_total{") == ["5.0"]
    assert shown("operator_input_message_count_total{") == ["5.0", "5.0"]
    assert float(shown("memory_usage_bytes{")[0]) > 1_000_000
    assert "measured" not in "".join(lines())
    streams.ok("POST", "/processor/measured:stop")
    assert lines() == []
