"""Samples and ``sp.process`` with a real driver: what comes, in which bounds, and when it ends."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pymongo
import pytest
from bson import Int64
from served import ShiftedClock
from servers import Endpoint, wait_until
from wired import PASSWORD, SAMPLE, Wire, refused

from brookmill.runtime import ephemeral, sample
from brookmill.wire import peer
from brookmill.wire.commands import samples
from brookmill.wire.login import Login


def documents(*values: Any) -> dict[str, Any]:
    return {"$source": {"documents": [{"a": value} for value in values]}}


def begun(admin: Any, *pipeline: Any, **options: Any) -> tuple[str, int]:
    """An ephemeral processor: its name and cursor."""
    reply = admin.command(
        "processStreamProcessor", list(pipeline), **({"options": options} if options else {})
    )
    assert list(reply) == ["ok", "name", "cursorId"]
    assert type(reply["cursorId"]) is Int64
    return reply["name"], reply["cursorId"]


def more(admin: Any, name: str, cursor: int, **members: Any) -> Any:
    return admin.command("getMoreSampleStreamProcessor", name, cursorId=Int64(cursor), **members)


def fetched(admin: Any, name: str, cursor: int, count: int, **members: Any) -> list[Any]:
    """So many documents, however they come."""
    found: list[Any] = []
    end = time.monotonic() + 20
    while len(found) < count and cursor:
        assert time.monotonic() < end, f"{len(found)} of {count}"
        reply = more(admin, name, cursor, **members)
        found, cursor = found + reply["messages"], reply["cursorId"]
    return found


@pytest.fixture
def solar(admin: Any, sink: Any) -> Iterator[str]:
    """A processor that runs."""
    name = f"s{uuid4().hex[:8]}"
    admin.command("createStreamProcessor", name, pipeline=[SAMPLE, sink])
    admin.command("startStreamProcessor", name)
    yield name
    admin.command("dropStreamProcessor", name)


def test_what_is_processed_comes_in_order_and_whole(admin: Any, wire: Wire) -> None:
    values = list(range(3000))
    name, cursor = begun(admin, documents(*values), {"$match": {"a": {"$gte": 5}}})
    assert [one["a"] for one in fetched(admin, name, cursor, 2995, batchSize=500)] == values[5:]
    assert more(admin, name, cursor) == {"ok": 1.0, "cursorId": cursor, "messages": [], "nextBatch": []}
    assert admin.command("dropStreamProcessor", name) == {"ok": 1.0}
    assert more(admin, name, cursor)["cursorId"] == 0
    assert refused(admin, "getMoreSampleStreamProcessor", name, cursorId=Int64(cursor))[:2] == (
        43,
        "CursorNotFound",
    )
    assert refused(admin, "dropStreamProcessor", name)[0] == 72
    assert not wire.launcher.running()


@pytest.mark.slow
def test_five_documents_make_a_batch_unless_the_client_says_so(admin: Any) -> None:
    name, cursor = begun(admin, documents(*range(3000)))
    for size, most in (({}, 5), ({"batchSize": 0}, 5), ({"batchSize": 7}, 7)):
        sizes = [len(more(admin, name, cursor, **size)["messages"]) for _ in range(100)]
        assert max(sizes) == most, "documents come in pieces: not every batch is full"
    admin.command("dropStreamProcessor", name)


def test_dead_letters_are_shown(admin: Any, wire: Wire) -> None:
    name, cursor = begun(admin, documents(1, "x"), {"$project": {"b": {"$add": ["$a", 1]}}})
    found = fetched(admin, name, cursor, 2)
    [letter] = [one["_dlqMessage"] for one in found if "_dlqMessage" in one]
    assert [one for one in found if "b" in one] == [{"b": 2}]
    assert letter["doc"] == {"a": "x"}
    assert "$add only supports numeric" in letter["errInfo"]["reason"]
    assert letter["_stream_meta"]["source"]["type"] == "generated"
    assert (letter["processorName"], letter["workspaceName"]) == (name, wire.workspace.name)
    admin.command("dropStreamProcessor", name)


@pytest.mark.slow
def test_a_pipeline_with_a_sink_writes_and_shows(admin: Any, sink: Any, endpoint: Endpoint) -> None:
    name, cursor = begun(admin, documents(1), sink, streamMetaFieldName="_m", tier="SP2")
    [document] = fetched(admin, name, cursor, 1)
    assert document["_m"]["source"]["type"] == "generated"
    wait_until(lambda: endpoint.requests)
    assert json.loads(endpoint.requests[0].body)["a"] == 1
    stats = admin.command("getStreamProcessorStats", name)
    assert (stats["stats"]["state"], stats["tier"]) == ("STARTED", "SP2")
    assert [one["name"] for one in admin.command("listStreamProcessors", 1)["streamProcessors"]].count(
        name
    ) == 0
    admin.command("stopStreamProcessor", name)


def test_a_sample_shows_what_passes_from_now_on(admin: Any, solar: str) -> None:
    reply = admin.command("startSampleStreamProcessor", solar)
    assert list(reply) == ["ok", "cursorId", "firstBatch"]
    found = fetched(admin, solar, reply["cursorId"], 10)
    assert all(one["device_id"].startswith("device_") for one in found)
    admin.command("stopStreamProcessor", solar)
    while cursor := (reply := more(admin, solar, reply["cursorId"]))["cursorId"]:
        assert reply["cursorId"] == cursor


@pytest.mark.slow
def test_a_limit_ends_a_sample(admin: Any, solar: str) -> None:
    cursor = admin.command("startSampleStreamProcessor", solar, limit=7)["cursorId"]
    assert len(fetched(admin, solar, cursor, 100)) == 7


def test_a_cursor_belongs_to_one_processor(admin: Any, solar: str) -> None:
    cursor = admin.command("startSampleStreamProcessor", solar)["cursorId"]
    assert refused(admin, "getMoreSampleStreamProcessor", "other", cursorId=cursor)[0] == 43
    assert refused(admin, "getMoreSampleStreamProcessor", solar, cursorId=Int64(5))[0] == 43
    assert refused(admin, "getMoreSampleStreamProcessor", solar, cursorId="x")[0] == 14


def test_who_only_looks_on_sees_what_passes_now_and_at_the_pace_of_a_reader() -> None:
    clock = ShiftedClock()
    looked = sample.Sample(clock, glance=True)
    looked.offer([sample.Shown(b"x" * 1000, "json")] * 100, 0)
    kept = sample.GLANCE // sample.cost(b"x" * 1000)
    assert looked.dropped == 100 - kept
    assert looked.pause == 0, "the first batch waits for nothing"
    assert len(looked.take(5, 1 << 20)) == 5
    assert sample.PAUSE / 2 < looked.pause <= sample.PAUSE
    clock.shift = sample.PAUSE
    assert looked.pause == 0
    looked.take(5, 1 << 20)
    looked.end()
    assert looked.pause == 0, "there is nothing to wait for"


@pytest.mark.slow
def test_a_processor_that_is_run_to_be_looked_at_gives_all_that_comes(admin: Any) -> None:
    """Documents beyond what may wait are shown as well, and somebody who looks on makes nobody miss any."""
    long = {"$addFields": {"text": {"$literal": "x" * (sample.WAITING + 1)}}}
    name, cursor = begun(admin, documents(*range(6)), long)
    beside = admin.command("startSampleStreamProcessor", name)["cursorId"]
    assert [one["a"] for one in fetched(admin, name, cursor, 6)] == list(range(6))
    assert more(admin, name, beside)["cursorId"] == beside
    admin.command("dropStreamProcessor", name)


@pytest.mark.slow
def test_the_shell_gets_messages_alone(wire: Wire) -> None:
    shell = wire.client(appname="mongosh 2.12.0").admin
    name, cursor = begun(shell, documents(1))
    assert list(more(shell, name, cursor)) == ["ok", "cursorId", "messages"]
    shell.command("dropStreamProcessor", name)


@pytest.mark.slow
def test_a_fetch_is_held_until_there_is_news(admin: Any) -> None:
    name, cursor = begun(admin, {"$source": {"schedule": "* * * * * *"}})
    begin = time.monotonic()
    assert fetched(admin, name, cursor, 1)
    assert more(admin, name, cursor)["messages"] is not None
    assert time.monotonic() - begin < 10
    admin.command("dropStreamProcessor", name)


@pytest.mark.slow
def test_who_fetches_nothing_any_more_is_gone(
    admin: Any, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sample, "IDLE", 0.5)
    monkeypatch.setattr("brookmill.wire.cursors.IDLE", 0.5)
    name, cursor = begun(admin, documents(1))
    wait_until(lambda: not wire.launcher.running(), what="the end of the worker")
    assert refused(admin, "getMoreSampleStreamProcessor", name, cursorId=Int64(cursor))[0] == 43


def test_a_lost_connection_ends_what_it_looked_at(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peer, "GRACE", 0.2)
    client: Any = pymongo.MongoClient(
        wire.uri, username=wire.user(), password=PASSWORD, directConnection=True
    )
    name, cursor = begun(client.admin, documents(1))
    assert fetched(client.admin, name, cursor, 1)
    client.close()
    wait_until(lambda: not wire.launcher.running(), what="the end of the worker")


@pytest.mark.slow
def test_nothing_ephemeral_lasts_longer_than_it_may(
    admin: Any, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ephemeral, "LONGEST", 0.5)
    name, cursor = begun(admin, SAMPLE)
    while cursor:
        cursor = more(admin, name, cursor)["cursorId"]
    assert not wire.launcher.running()


def test_a_failure_comes_after_all_documents(admin: Any, sink: Any, endpoint: Endpoint) -> None:
    stage = {"$https": {**sink["$https"], "onError": "fail"}}
    endpoint.answer = lambda _: 401
    name, cursor = begun(admin, documents(1), stage)
    code, named, text = refused_at_last(admin, name, cursor)
    assert (code, named) == (125, "CommandFailed")
    assert text.startswith("Failed to sample stream processor results: ")


def refused_at_last(admin: Any, name: str, cursor: int) -> tuple[int, str, str]:
    end = time.monotonic() + 20
    while time.monotonic() < end:
        try:
            more(admin, name, cursor)
        except pymongo.errors.OperationFailure as e:
            details: Any = e.details
            return details["code"], details["codeName"], details["errmsg"]
    raise AssertionError("no failure came")


@pytest.mark.slow
def test_not_too_many_at_once(admin: Any, monkeypatch: pytest.MonkeyPatch, solar: str) -> None:
    monkeypatch.setattr("brookmill.runtime.ephemerals.MOST", 1)
    name, _ = begun(admin, documents(1))
    code, _, text = refused(admin, "processStreamProcessor", [documents(1)])
    assert (code, text) == (125, "1 ephemeral stream processors run already")
    admin.command("dropStreamProcessor", name)
    monkeypatch.setattr("brookmill.wire.cursors.MOST", 0)
    assert refused(admin, "startSampleStreamProcessor", solar)[0] == 125


def test_what_finds_no_place_for_its_cursor_does_not_run(
    admin: Any, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("brookmill.wire.cursors.MOST", 0)
    before = len(wire.launcher.workers)
    assert refused(admin, "processStreamProcessor", [SAMPLE])[0] == 125
    assert len(wire.launcher.workers) == before + 1
    wait_until(lambda: not wire.launcher.running(), what="the end of the worker")


@pytest.mark.parametrize("order", ["looks, goes", "goes, looks"])
def test_a_sample_goes_with_its_client_though_a_command_still_runs(wire: Wire, order: str) -> None:
    clock = ShiftedClock()
    here = peer.Peer(1, "127.0.0.1", Login(wire.served.services, b""))
    looked = sample.Sample(clock)
    steps = [lambda: here.fetches(looked), here.lost]
    for step in steps if order == "looks, goes" else reversed(steps):
        step()
    assert not looked.closed, "it may be fetched over another connection"
    clock.shift = peer.GRACE + 1
    assert looked.closed


def test_a_sample_that_is_fetched_over_another_connection_stays(wire: Wire) -> None:
    clock = ShiftedClock()
    one, other = (peer.Peer(number, "127.0.0.1", Login(wire.served.services, b"")) for number in (1, 2))
    looked = sample.Sample(clock)
    one.fetches(looked)
    other.fetches(looked)
    one.lost()
    clock.shift = peer.GRACE + 1
    assert not looked.closed


def test_a_held_fetch_is_short_enough_for_ctrl_c() -> None:
    assert samples.HELD <= 1.0
