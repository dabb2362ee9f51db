"""Many clients at once: nothing acknowledged is lost, nothing is seen half."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from served import Served

CLIENTS = 64


@pytest.fixture
def path(served: Served) -> str:
    return f"/groups/{served.own.id}/streams/{served.workspace().name}/connections"


def together(count: int, do: Callable[[int], object]) -> None:
    """Run ``do`` that many times at once; the first error is raised."""
    gate = threading.Barrier(count)

    def run(i: int) -> None:
        gate.wait()
        do(i)

    with ThreadPoolExecutor(count) as pool:
        for done in [pool.submit(run, i) for i in range(count)]:
            done.result()


def test_64_patches_of_different_connections_in_one_workspace(served: Served, path: str) -> None:
    auth = served.bearer()
    client = served.client(auth)
    for i in range(CLIENTS):
        assert client.post(path, json={"name": f"c{i}", "type": "Https", "url": "http://a"}).is_success

    def patch(i: int) -> None:
        with httpx.Client(base_url=client.base_url, headers=client.headers, auth=auth, timeout=60) as own:
            url = f"http://host-{i}"
            assert own.patch(f"{path}/c{i}", json={"url": url}).json()["url"] == url
            assert own.get(f"{path}/c{i}").json()["url"] == url, "whoever was answered reads what he wrote"

    together(CLIENTS, patch)
    results = client.get(path).json()["results"]
    assert [c["url"] for c in results] == [f"http://host-{i}" for i in range(CLIENTS)]


def test_patches_and_reads_of_one_connection_are_linearizable(served: Served, path: str) -> None:
    """One writer counts up, others read: no reader ever goes back, and none sees half a PATCH."""
    auth = served.bearer()
    client = served.client(auth)
    body = {"name": "c", "type": "Https", "url": "http://host-0", "headers": {"n": "0"}}
    assert client.post(path, json=body).is_success
    acknowledged, writes = [0], 60
    finished = threading.Event()

    def write() -> None:
        for n in range(1, writes + 1):
            patch = {"url": f"http://host-{n}", "headers": {"n": str(n)}}
            assert client.patch(f"{path}/c", json=patch).is_success
            acknowledged[0] = n
        finished.set()

    def read() -> None:
        seen = 0
        with httpx.Client(base_url=client.base_url, headers=client.headers, auth=auth, timeout=60) as own:
            while not finished.is_set():
                least = max(seen, acknowledged[0])
                found = own.get(f"{path}/c").json()
                seen = int(found["headers"]["n"])
                assert found["url"] == f"http://host-{seen}", "half a PATCH"
                assert seen >= least, "an acknowledged write was not read, or time went back"

    together(4, lambda i: write() if i == 0 else read())


def test_members_patched_at_the_same_time_do_not_overwrite_each_other(served: Served, path: str) -> None:
    auth = served.bearer()
    client = served.client(auth)
    assert client.post(path, json={"name": "k", "type": "Kafka", "bootstrapServers": "a:1"}).is_success
    patches: list[dict[str, object]] = [
        {"bootstrapServers": "b:2"},
        {"config": {"acks": "all"}},
        {"security": {"protocol": "SSL"}},
        {"security": {"brokerPublicCertificate": "PEM"}},
        {"authentication": {"sslCertificate": "PEM"}},
        {"authentication": {"sslKey": "canary"}},
        {"region": "OHIO_USA"},
    ]
    together(len(patches), lambda i: client.patch(f"{path}/k", json=patches[i]).raise_for_status())
    found = client.get(f"{path}/k").json()
    assert found["bootstrapServers"] == "b:2"
    assert found["config"] == {"acks": "all"}
    assert found["security"] == {"protocol": "SSL", "brokerPublicCertificate": "PEM"}
    assert found["authentication"] == {"sslCertificate": "PEM"}
    assert found["region"] == "OHIO_USA"
