"""64 clients that PATCH different connections of one workspace at once: none is lost (contract c.1)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import httpx

from brookmill.testing import Server, server

PARALLEL = 64
ROUNDS = 3

HEADERS = {"Accept": "application/vnd.atlas.2024-08-05+json"}


def client(running: Server, connections: int = 1) -> httpx.Client:
    """A client with a Bearer token of its own, in the project."""
    given = running.environment
    pair = (given["MONGODB_ATLAS_CLIENT_ID"], given["MONGODB_ATLAS_CLIENT_SECRET"])
    asked = {"grant_type": "client_credentials"}
    token = httpx.post(f"{running.base}/api/oauth/token", data=asked, auth=pair).json()["access_token"]
    return httpx.Client(
        base_url=f"{running.base}/api/atlas/v2/groups/{given['MONGODB_ATLAS_PROJECT_ID']}",
        headers=HEADERS | {"Authorization": f"Bearer {token}"},
        limits=httpx.Limits(max_connections=connections),
        timeout=60,
    )


def test_parallel_patches_of_different_connections_are_all_kept(tmp_path: Path) -> None:
    together = Barrier(PARALLEL)

    def patch(n: int) -> None:
        for version in range(ROUNDS):
            together.wait(60)
            url = f"http://h{n}/{version}"
            answer = http.patch(f"/streams/brook/connections/c{n}", json={"url": url})
            assert answer.status_code == 200, answer.text
            assert answer.json()["url"] == url
            assert http.get(f"/streams/brook/connections/c{n}").json()["url"] == url, "read your own write"

    with server(tmp_path, rate_limit=0) as running, client(running, PARALLEL) as http:
        region = {"cloudProvider": "AWS", "region": "VIRGINIA_USA"}
        assert http.post("/streams", json={"name": "brook", "dataProcessRegion": region}).status_code == 200
        for n in range(PARALLEL):
            made = http.post(
                "/streams/brook/connections", json={"name": f"c{n}", "type": "Https", "url": "http://h"}
            )
            assert made.status_code == 200, made.text
        with ThreadPoolExecutor(PARALLEL) as pool:
            list(pool.map(patch, range(PARALLEL)))
        listed = http.get("/streams/brook/connections?itemsPerPage=500").json()
    assert [c["url"] for c in listed["results"]] == [f"http://h{n}/{ROUNDS - 1}" for n in range(PARALLEL)]
    assert listed["totalCount"] == PARALLEL
