"""Real servers on loopback, for tests: a Kafka broker and an HTTP endpoint."""

from __future__ import annotations

import os
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from uuid import uuid4

from confluent_kafka import Consumer, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewPartitions, NewTopic


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def wait_until(condition: Callable[[], Any], seconds: float = 20.0, what: str = "the condition") -> Any:
    """What ``condition`` answers as soon as it is true; fails after ``seconds``."""
    end = time.monotonic() + seconds
    while not (answer := condition()):
        assert time.monotonic() < end, f"{what} did not come true in {seconds} s"
        time.sleep(0.02)
    return answer


@dataclass
class Broker:
    """A broker of the Kafka protocol. Topics keep everything: sample data is old."""

    bootstrap: str

    def topic(self, partitions: int = 1, prefix: str = "t-") -> str:
        """The name of a new, empty topic."""
        name = f"{prefix}{uuid4().hex[:12]}"
        admin = AdminClient({"bootstrap.servers": self.bootstrap})
        admin.create_topics([NewTopic(name, partitions, 1, config={"retention.ms": "-1"})])[name].result(20)
        return name

    def grow(self, topic: str, partitions: int) -> None:
        admin = AdminClient({"bootstrap.servers": self.bootstrap})
        admin.create_partitions([NewPartitions(topic, partitions)])[topic].result(20)

    def forget(self, topic: str, before: int) -> None:
        """Delete what is older than the offset ``before``, as retention does."""
        admin = AdminClient({"bootstrap.servers": self.bootstrap})
        partition = TopicPartition(topic, 0, before)
        admin.delete_records([partition])[partition].result(20)

    def write(self, topic: str, *values: bytes | None, **more: Any) -> None:
        """``more``: what ``produce`` takes: key, partition, timestamp, headers."""
        producer = Producer({"bootstrap.servers": self.bootstrap})
        for value in values:
            producer.produce(topic, value, **more)
        assert producer.flush(20) == 0

    def read(self, topic: str, count: int = 0, seconds: float = 20.0) -> list[Message]:
        """All messages of ``topic``, from all partitions, once there are ``count``."""
        consumer = Consumer({"bootstrap.servers": self.bootstrap, "group.id": uuid4().hex, "log_level": 0})
        try:
            numbers = consumer.list_topics(topic, 20).topics[topic].partitions
            consumer.assign([TopicPartition(topic, n, 0) for n in numbers])
            found: list[Message] = []
            end = time.monotonic() + seconds
            while len(found) < count or self._behind(consumer, topic, numbers, found):
                assert time.monotonic() < end, f"{len(found)} of {count} messages in {seconds} s"
                found += consumer.consume(10_000, 0.1)
            return found
        finally:
            consumer.close()

    def values(self, topic: str, count: int = 0, seconds: float = 20.0) -> list[bytes]:
        return [m.value() or b"" for m in self.read(topic, count, seconds)]

    def committed(self, group: str, topic: str, partition: int = 0) -> int:
        consumer = Consumer({"bootstrap.servers": self.bootstrap, "group.id": group})
        try:
            return consumer.committed([TopicPartition(topic, partition)], 20)[0].offset
        finally:
            consumer.close()

    def _behind(self, consumer: Consumer, topic: str, numbers: Sequence[int], found: list[Message]) -> bool:
        ends = [consumer.get_watermark_offsets(TopicPartition(topic, n), 20) for n in numbers]
        return sum(high - low for low, high in ends) > len(found)


@contextmanager
def broker(directory: Path) -> Iterator[Broker]:
    """The broker that ``KAFKA_BOOTSTRAP`` names, else one of our own that keeps its data in ``directory``."""
    if "KAFKA_BOOTSTRAP" in os.environ:
        yield Broker(os.environ["KAFKA_BOOTSTRAP"])
        return
    import noida_db  # type: ignore[import-untyped]

    program, port = Path(noida_db.__file__).parent / "noida-db", free_port()
    command = [program, "start", "--only", "kafka", "--kafka-port", str(port), "--data-dir", directory]
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen(list(map(str, command)), stdout=log, stderr=log, cwd=directory)
    try:
        wait_until(lambda: listens(port), what="the broker")
        yield Broker(f"127.0.0.1:{port}")
    finally:
        process.terminate()
        process.wait(20)


def listens(port: int) -> bool:
    """Whether somebody does, on 127.0.0.1."""
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0


@dataclass
class Request:
    """What an endpoint was asked."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Reply:
    """What an endpoint answers."""

    status: int = 200
    body: bytes = b"{}"
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Endpoint:
    """An HTTP server that keeps what it was asked and answers what ``answer`` says; a status has the body {}.

    ``headers`` go with every answer.
    """

    url: str = ""
    requests: list[Request] = field(default_factory=list)
    answer: Callable[[Request], int | Reply] = lambda _: 200
    headers: dict[str, str] = field(default_factory=dict)


@contextmanager
def endpoint(tls: ssl.SSLContext | None = None) -> Iterator[Endpoint]:
    """A new endpoint on a free port; with ``tls`` it speaks HTTPS."""
    here = Endpoint()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # answers of two writes would wait for the client's acknowledgement

        def handle_one_request(self) -> None:
            self.raw_requestline = self.rfile.readline(65537)
            if not self.raw_requestline or not self.parse_request():
                self.close_connection = True
                return
            length = int(self.headers.get("content-length", 0))
            body = self.rfile.read(length)
            if len(body) < length:  # the client was killed while it wrote
                self.close_connection = True
                return
            headers = {k.lower(): v for k, v in self.headers.items()}
            request = Request(self.command, self.path, headers, body)
            here.requests.append(request)
            answer = here.answer(request)
            reply = Reply(answer) if isinstance(answer, int) else answer
            self.send_response(reply.status)
            for name, value in (here.headers | reply.headers).items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(reply.body)))
            self.end_headers()
            self.wfile.write(reply.body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, request: Any, client_address: Any) -> None:
            """A client that hung up is no news."""

    server = Server(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    here.url = f"http://127.0.0.1:{server.server_address[1]}"
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
        here.url = here.url.replace("http", "https")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield here
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
