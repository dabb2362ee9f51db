"""kill -9 of the server amid a rollout: the next one runs all processors with the old or all with the new."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest
from servers import Endpoint, wait_until

from brookmill.testing import Server, server

HEADERS = {"Accept": "application/vnd.atlas.2024-08-05+json"}
REGION = {"cloudProvider": "AWS", "region": "VIRGINIA_USA"}
PROCESSORS = ("p0", "p1")


def client(running: Server) -> httpx.Client:
    """Speaks to the project that the server came with."""
    given = running.environment
    pair = (given["MONGODB_ATLAS_CLIENT_ID"], given["MONGODB_ATLAS_CLIENT_SECRET"])
    asked = httpx.post(
        f"{running.base}/api/oauth/token", data={"grant_type": "client_credentials"}, auth=pair
    )
    token = asked.json()["access_token"]
    base = f"{running.base}/api/atlas/v2/groups/{given['MONGODB_ATLAS_PROJECT_ID']}"
    return httpx.Client(base_url=base, headers=HEADERS | {"Authorization": f"Bearer {token}"}, timeout=30)


def sent(answer: httpx.Response) -> Any:
    assert answer.is_success, answer.text
    return answer.json()


def prepare(to: httpx.Client, url: str) -> None:
    sent(to.post("/streams", json={"name": "brook", "dataProcessRegion": REGION}))
    sent(to.post("/streams/brook/connections", json={"type": "Sample", "name": "sample_stream_solar"}))
    sent(to.post("/streams/brook/connections", json={"type": "Https", "name": "out", "url": f"{url}/old"}))
    pipeline = [{"$source": {"connectionName": "sample_stream_solar"}}, {"$https": {"connectionName": "out"}}]
    for name in PROCESSORS:
        sent(to.post("/streams/brook/processor", json={"name": name, "pipeline": pipeline}))
        sent(to.post(f"/streams/brook/processor/{name}:start"))


@pytest.mark.parametrize("moment", ["at once", "on trial", "all switched"])
def test_all_run_with_the_old_or_all_with_the_new(tmp_path: Path, endpoint: Endpoint, moment: str) -> None:
    watched = 600 if moment != "all switched" else 2
    settings: dict[str, Any] = {"rollout_watch": watched, "sample_rate": 50, "allow_private": True}

    def switched() -> int:
        return sum(one["state"] == "SWITCHED" for one in shown()["processors"])

    def shown() -> Any:
        return sent(to.get(f"/streams/brook/rollouts/{begun['id']}"))

    with server(tmp_path, **settings) as running, client(running) as to:
        prepare(to, endpoint.url)
        begun = sent(
            to.patch("/streams/brook/connections/out?updates=rolling", json={"url": f"{endpoint.url}/new"})
        )
        least = {"at once": 0, "on trial": 1, "all switched": 2}[moment]
        wait_until(lambda: switched() >= least, 30, moment)
        running.process.kill()
        running.process.wait()
    with server(tmp_path, **settings) as running, client(running) as to:
        ended = shown()
        # Where the watching takes 2 seconds only, a slow machine may have come to its end before the kill.
        new = ended["state"] == "SUCCEEDED" and moment == "all switched"
        assert new or ended["state"] == "ROLLED_BACK"
        assert {one["state"] for one in ended["processors"]} <= (
            {"SWITCHED"} if new else {"PENDING", "REVERTED"}
        )
        place = "/new" if new else "/old"
        assert sent(to.get("/streams/brook/connections/out"))["url"] == endpoint.url + place
        states = [sent(to.get(f"/streams/brook/processor/{name}"))["state"] for name in PROCESSORS]
        assert states == ["STARTED"] * 2
        before = len(endpoint.requests)

        def alone() -> bool:
            newest = endpoint.requests[before:][-20:]
            return len(newest) == 20 and {request.target for request in newest} == {place}

        wait_until(alone, 30, f"documents for {place} alone")
