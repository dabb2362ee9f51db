"""Processors end to end: real worker processes, a real broker, a real endpoint."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from servers import Broker, Endpoint, free_port, wait_until

from brookmill.connections.cluster import Cluster
from brookmill.connections.https import Https
from brookmill.connections.kafka import Authentication, Kafka, Security
from brookmill.domain.cluster import Cluster as Configured
from brookmill.domain.connection import Connection
from brookmill.domain.processor import State
from brookmill.domain.secret import Secret
from brookmill.errors import ConnectionFailed
from brookmill.testing.mongod import mongod

Make = Callable[..., Any]


def source(topic: str, **more: Any) -> dict[str, Any]:
    config = {"auto_offset_reset": "earliest"}
    return {"$source": {"connectionName": "k", "topic": topic, "config": config, **more}}


def emit(topic: str) -> dict[str, Any]:
    return {"$emit": {"connectionName": "k", "topic": topic}}


def numbered(first: int, last: int) -> list[bytes]:
    return [b'{"n":%d}' % n for n in range(first, last)]


def numbers(values: list[bytes]) -> list[int]:
    return [json.loads(v)["n"] for v in values]


def gone(process: psutil.Process) -> Callable[[], bool]:
    """Whether it has ended; nobody may have asked for its status yet."""
    return lambda: not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def kept_up_to(here: Any, offset: int) -> Callable[[], bool]:
    """Whether a checkpoint with this offset is kept."""
    return lambda: here.stats()["kafkaPartitions"][0].get("checkpointOffset") == offset


def test_documents_that_match_arrive_in_kafka(mill: Make, broker: Broker, kafka: Connection) -> None:
    here, topic = mill(), broker.topic()
    here.connect("k", kafka)
    documents = [{"n": n, "d": {"$date": "2024-08-12T21:41:01.788Z"}} for n in range(20)]
    here.process({"$source": {"documents": documents}}, {"$match": {"n": {"$lt": 10}}}, emit(topic))
    values = broker.values(topic, 10)
    assert numbers(values) == list(range(10))
    assert json.loads(values[0])["d"] == {"$date": "2024-08-12T21:41:01.788Z"}
    stats = here.stats(inputMessageCount=20)
    assert (stats["name"], stats["processorId"], stats["status"]) == ("p", here.processor.id, "running")
    assert (stats["outputMessageCount"], stats["dlqMessageCount"], stats["scaleFactor"]) == (10, 0, 1)
    assert stats["memoryUsageBytes"] > 10_000_000
    assert (stats["inputMessageSize"], stats["outputMessageSize"]) == (20 * 23, sum(map(len, values)))
    here.supervisor.stop(here.processor.id)
    assert here.processor.state is State.STOPPED
    assert broker.values(topic, 10) == values


def test_a_window_over_kafka(mill: Make, broker: Broker, kafka: Connection) -> None:
    here, one, two = mill(), broker.topic(), broker.topic()
    here.connect("k", kafka)
    second = {"size": 1, "unit": "second"}
    window = {
        "interval": second,
        "allowedLateness": {"size": 0, "unit": "second"},
        "pipeline": [{"$group": {"_id": "$k", "sum": {"$sum": "$n"}}}],
    }
    time_field = {"timeField": {"$toDate": "$t"}}
    here.process(source(one, **time_field), {"$tumblingWindow": window}, emit(two))
    rows = [{"t": 1_700_000_000_000 + n * 100, "k": n % 2, "n": n} for n in range(35)]
    broker.write(one, *[json.dumps(row).encode() for row in rows])
    found = Counter((r["_id"], r["sum"]) for r in map(json.loads, broker.values(two, 6)))
    windows = [range(start, start + 10) for start in (0, 10, 20)]
    assert found == Counter((k, sum(n for n in w if n % 2 == k)) for w in windows for k in (0, 1))
    assert here.stats(inputMessageCount=35)["watermark"].timestamp() == 1_700_000_003.4


@pytest.mark.parametrize("kills", [3])
def test_a_worker_killed_at_any_moment_loses_nothing(
    mill: Make, broker: Broker, kafka: Connection, kills: int
) -> None:
    here, one, two = mill(checkpoint_interval=0.3), broker.topic(2), broker.topic()
    here.connect("k", kafka)
    here.process(source(one), {"$match": {"n": {"$gte": 0}}}, emit(two))
    total = 30_000
    for kill in range(kills):
        broker.write(one, *numbered(total * kill // kills, total * (kill + 1) // kills), key=str(kill))
        worker = here.worker()
        here.stats(inputMessageCount=1)
        worker.kill()
        wait_until(gone(worker), what="its end")
    wait_until(lambda: set(numbers(broker.values(two))) == set(range(total)), 60, "all documents")
    assert here.processor.state is State.STARTED
    here.supervisor.stop(here.processor.id)
    repeated = len(broker.values(two)) - total
    assert 0 <= repeated < total


def test_a_worker_killed_after_its_checkpoint_repeats_nothing(
    mill: Make, broker: Broker, kafka: Connection
) -> None:
    here, one, two = mill(checkpoint_interval=0.2), broker.topic(), broker.topic()
    here.connect("k", kafka)
    here.process(source(one), emit(two))
    for last in (1000, 2000):
        broker.write(one, *numbered(last - 1000, last))
        broker.read(two, last)
        wait_until(kept_up_to(here, last), what="the checkpoint")
        worker = here.worker()
        worker.kill()
        wait_until(gone(worker), what="its end")
    broker.write(one, *numbered(2000, 2010))
    assert numbers(broker.values(two, 2010)) == list(range(2010))


def test_stop_and_start_go_on_without_gap_or_repetition(
    mill: Make, broker: Broker, kafka: Connection
) -> None:
    here, one, two = mill(), broker.topic(2), broker.topic()
    here.connect("k", kafka)
    broker.write(one, *numbered(0, 5000))
    started = here.process(source(one), emit(two))
    for last in (5000, 5100, 5200):
        broker.write(one, *numbered(max(5000, last - 100), last))
        broker.read(two, last)
        stopped = here.supervisor.stop(started.id)
        assert stopped.state is State.STOPPED
        here.supervisor.start(stopped)
    assert sorted(numbers(broker.values(two, 5200))) == list(range(5200))
    assert here.stats(inputMessageCount=5200)["inputMessageCount"] == 5200


def test_an_open_window_survives_a_stop(mill: Make, broker: Broker, kafka: Connection) -> None:
    here, one, two = mill(), broker.topic(), broker.topic()
    here.connect("k", kafka)
    group = {"$group": {"_id": None, "n": {"$sum": "$n"}, "all": {"$push": "$n"}}}
    window = {"interval": {"size": 1, "unit": "hour"}, "pipeline": [group]}
    started = here.process(source(one), {"$tumblingWindow": window}, emit(two))
    hour = 1_700_000_000_000 // 3_600_000 * 3_600_000
    for n in (1, 2, 3):
        broker.write(one, b'{"n":%d}' % n, timestamp=hour + n)
        here.stats(inputMessageCount=n)
        here.supervisor.stop(started.id)
        here.supervisor.start(here.processor)
    broker.write(one, b'{"n":9}', timestamp=hour + 3_600_000 + 3000)
    assert [json.loads(v) for v in broker.values(two, 1)] == [{"_id": None, "n": 6, "all": [1, 2, 3]}]


SERVER = """
import sys
from pathlib import Path
from mill import opened
mill = opened(Path(sys.argv[1]), checkpoint_interval=0.2)
mill.supervisor.recover()
print("up", flush=True)
sys.stdin.read()
mill.supervisor.close()
mill.store.close()
"""


def server(directory: Path) -> subprocess.Popen[str]:
    """A server process with nothing but a store and a supervisor."""
    process = subprocess.Popen(
        [sys.executable, "-c", SERVER, str(directory)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])},
    )
    assert process.stdout is not None
    while process.stdout.readline() != "up\n":
        assert process.poll() is None
    return process


def children(pid: int) -> list[psutil.Process]:
    """The worker processes of the process ``pid``, once there are any."""

    def found() -> list[psutil.Process]:
        return [p for p in psutil.Process(pid).children() if "brookmill.runtime.worker" in p.cmdline()]

    return list(wait_until(found, what="the worker"))


def test_no_worker_outlives_a_killed_server_and_the_next_one_goes_on(
    mill: Make, broker: Broker, kafka: Connection
) -> None:
    here, one, two = mill(), broker.topic(), broker.topic()
    here.connect("k", kafka)
    here.process(source(one), emit(two))
    here.supervisor.close()
    here.store.close()
    total = 0
    for sign in (signal.SIGKILL, signal.SIGKILL):
        process = server(here.directory)
        (worker,) = children(process.pid)
        broker.write(one, *numbered(total, total + 1000))
        total += 1000
        broker.read(two, total)
        process.send_signal(sign)
        process.wait()
        wait_until(gone(worker), 10, "its end")
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.close()
        process.stdout.close()
    again = mill()
    assert again.processor.state is State.STARTED
    again.supervisor.recover()
    broker.write(one, *numbered(total, total + 10))
    wait_until(lambda: set(numbers(broker.values(two))) == set(range(total + 10)), 30, "all documents")


def test_a_server_that_stops_well_leaves_a_checkpoint_and_repeats_nothing(
    mill: Make, broker: Broker, kafka: Connection
) -> None:
    here, one, two = mill(), broker.topic(), broker.topic()
    here.connect("k", kafka)
    here.process(source(one), emit(two))
    broker.write(one, *numbered(0, 100))
    broker.read(two, 100)
    here.supervisor.close()
    assert here.processor.state is State.STARTED
    again = mill()
    again.supervisor.recover()
    broker.write(one, *numbered(100, 150))
    assert numbers(broker.values(two, 150)) == list(range(150))


def test_nobody_there_is_tried_again_and_then_fails(mill: Make) -> None:
    here = mill(retry_budget=0.5)
    here.connect("k", Kafka(bootstrap_servers=f"127.0.0.1:{free_port()}"))
    assert here.process(source("t"), emit("u")).state is State.STARTED
    error = here.failed()
    assert "kafka error code: -195" in error
    assert "Broker transport failure" in error


def test_a_wrong_login_fails_at_once(mill: Make, broker: Broker) -> None:
    here = mill()
    login = Authentication(mechanism="SCRAM-256", username="u", password=Secret("hush-hush"))
    security = Security(protocol="SASL_PLAINTEXT")
    here.connect("k", Kafka(bootstrap_servers=broker.bootstrap, authentication=login, security=security))
    with pytest.raises(ConnectionFailed) as failure:
        here.process(source("t"), emit("u"))
    assert here.failed() == str(failure.value)
    assert "hush" not in here.failed()


@pytest.mark.parametrize(
    ("stages", "code", "text"),
    [
        ([{"$source": {"connectionName": "k", "topic": "nowhere"}}, emit("u")], 419, "no partitions found"),
        ([{"$source": {"connectionName": "gone"}}, emit("u")], 420, "connection named gone does not exist"),
        ([{"$source": {"documents": []}}, {"$nope": 1}, emit("u")], 40324, "$nope"),
        ([{"$source": {"documents": []}}], None, ""),
        ([], None, ""),
    ],
)
def test_what_is_wrong_with_a_pipeline_fails_at_once(
    mill: Make, kafka: Connection, stages: list[Any], code: int | None, text: str
) -> None:
    here = mill()
    here.connect("k", kafka)
    with pytest.raises(ConnectionFailed) as failure:
        here.process(*stages)
    assert text in str(failure.value)
    assert code in (None, failure.value.code)
    assert here.failed() == str(failure.value)


@contextmanager
def dead_letters(here: Any) -> Iterator[tuple[dict[str, Any], Callable[[], list[dict[str, Any]]]]]:
    """Options that name a dead letter queue, and what asks for the letters in it."""
    here.connect("c", Cluster(cluster_name="main"))
    with mongod() as cluster:
        with here.store.write() as session:
            session.put_cluster(Configured(id="e" * 24, name="main", uri=Secret(cluster.uri), created=0))
        yield {"dlq": {"connectionName": "c", "db": "d", "coll": "x"}}, lambda: cluster.documents("d.x")
        here.supervisor.stop(here.processor.id)


def test_bad_input_goes_to_the_dead_letters(mill: Make, broker: Broker, kafka: Connection) -> None:
    here, one, two = mill(checkpoint_interval=0.2), broker.topic(), broker.topic()
    here.connect("k", kafka)
    divide = {"$addFields": {"q": {"$divide": [6, "$n"]}}}
    with dead_letters(here) as (options, letters):
        here.process(source(one), divide, emit(two), options=options)
        broker.write(one, b'{"n":2}', b"no JSON", b'{"n":0}', b'{"n":3}')
        assert [json.loads(v)["q"] for v in broker.values(two, 2)] == [3, 2]
        wait_until(lambda: len(letters()) == 2, what="the letters")
    bad, zero = letters()
    assert bad["doc"] == "no JSON"
    assert (zero["doc"], zero["operatorName"]) == ({"n": 0}, "AddFieldsOperator")
    assert "divide" in zero["errInfo"]["reason"]
    assert (zero["processorName"], zero["_stream_meta"]["source"]["offset"]) == ("p", 2)


def test_https_sink_with_answers_of_every_kind(
    mill: Make, broker: Broker, kafka: Connection, endpoint: Endpoint
) -> None:
    here, topic = mill(checkpoint_interval=0.2, retry_budget=0), broker.topic()
    here.connect("k", kafka)
    here.connect("h", Https(url=endpoint.url))
    down: list[int] = []

    def answer(request: Any) -> int:
        n = json.loads(request.body)["n"]
        if n == 3 and len(down) < 2:
            down.append(503)
            return 503
        return {1: 400, 5: 500}.get(n, 200)

    endpoint.answer = answer
    path = {"$concat": ["/n/", {"$toString": "$n"}]}
    send = {"$https": {"connectionName": "h", "method": "POST", "path": path}}
    with dead_letters(here) as (options, letters):
        here.process(source(topic), send, options=options)
        broker.write(topic, *numbered(0, 5))
        stats = here.stats(inputMessageCount=5, dlqMessageCount=1)
        assert (stats["outputMessageCount"], stats["dlqMessageCount"]) == (4, 1)
        asked = ["/n/0", "/n/1", "/n/2", *["/n/3"] * 3, "/n/4"]
        assert [r.target for r in endpoint.requests] == asked
        (letter,) = wait_until(letters, what="the letter")
        broker.write(topic, *numbered(5, 6))
        assert "/n/5 answered with status 500" in here.failed()
    assert (letter["doc"], letter["operatorName"]) == ({"n": 1}, "HttpsOperator")
    assert "status 400" in letter["errInfo"]["reason"]
    assert letter["_stream_meta"]["source"]["offset"] == 1


def test_the_solar_sample_runs_at_its_rate_and_resumes(
    mill: Make, broker: Broker, kafka: Connection, solar: Connection
) -> None:
    here, topic = mill(sample_rate=200.0), broker.topic()
    here.connect("k", kafka)
    here.connect("sample_stream_solar", solar)
    started = here.process({"$source": {"connectionName": "sample_stream_solar"}}, emit(topic))
    broker.read(topic, 100)
    here.supervisor.stop(started.id)
    before = len(broker.values(topic))
    here.supervisor.start(here.processor)
    broker.read(topic, before + 50)
    here.supervisor.stop(started.id)
    from brookmill.connections.sample.source import record

    got = [json.loads(v) for v in broker.values(topic)]
    made = [json.loads(record(n, 0)) for n in range(len(got))]
    assert [{**r, "timestamp": 0} for r in got] == [{**r, "timestamp": 0} for r in made]


def test_the_processes_environment_holds_no_key(
    mill: Make, solar: Connection, monkeypatch: pytest.MonkeyPatch, broker: Broker, kafka: Connection
) -> None:
    monkeypatch.setenv("BROOKMILL_MASTER_KEY", "hush-hush")
    here, topic = mill(), broker.topic()
    here.connect("k", kafka)
    here.connect("sample_stream_solar", solar)
    here.process({"$source": {"connectionName": "sample_stream_solar"}}, emit(topic))
    worker = here.worker()
    assert "BROOKMILL_MASTER_KEY" not in worker.environ()
    assert not [f.path for f in worker.open_files() if "brookmill.db" in f.path or "sqlite" in f.path]
