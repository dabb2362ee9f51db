"""A load generator in plain asyncio: some connections, each asking again as soon as it is answered."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Load:
    """Requests in one stretch of time: ``latencies`` in seconds, sorted."""

    seconds: float
    latencies: Sequence[float]

    @property
    def rate(self) -> float:
        return len(self.latencies) / self.seconds

    def percentile(self, share: float) -> float:
        return self.latencies[min(len(self.latencies) - 1, int(share * len(self.latencies)))]


Request = Callable[[int, int], bytes]


def patch(base: str, path: str, headers: dict[str, str], body: bytes) -> bytes:
    """The bytes of one request."""
    lines = [f"PATCH {path} HTTP/1.1", f"Host: {urlsplit(base).netloc}", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


def load(base: str, request: Request, connections: int, seconds: float) -> Load:
    """Ask for ``seconds``; ``request(connection, number)`` builds each. RuntimeError unless all are 200."""
    return asyncio.run(_load(base, request, connections, seconds))


async def _load(base: str, request: Request, connections: int, seconds: float) -> Load:
    began = time.perf_counter()
    asked = await asyncio.gather(
        *(_ask(base, request, number, began + seconds) for number in range(connections))
    )
    return Load(time.perf_counter() - began, sorted(latency for one in asked for latency in one))


async def _ask(base: str, request: Request, connection: int, until: float) -> list[float]:
    url = urlsplit(base)
    reader, writer = await asyncio.open_connection(url.hostname, url.port)
    latencies: list[float] = []
    while (began := time.perf_counter()) < until:
        writer.write(request(connection, len(latencies)))
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(
            int(line.split(b":")[1])
            for line in head.lower().split(b"\r\n")
            if line.startswith(b"content-length")
        )
        body = await reader.readexactly(length)
        latencies.append(time.perf_counter() - began)
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(f"{head.splitlines()[0]!r}: {body[:300]!r}")
    writer.close()
    await writer.wait_closed()
    return latencies
