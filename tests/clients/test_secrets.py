"""Secrets go in and never come out: not in answers, not in logs, not in the files of the data directory."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from networks import LINK

from brookmill.testing import Server, server


@pytest.fixture(params=["json", "console"])
def served(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    with server(tmp_path / "data", log_format=request.param, log_level="debug", rate_limit=0) as running:
        yield running


def test_canaries(served: Server, samples: dict[str, Any]) -> None:
    known = served.environment
    keys = known["MONGODB_ATLAS_PUBLIC_API_KEY"], known["MONGODB_ATLAS_PRIVATE_API_KEY"]
    streams = f"/groups/{known['MONGODB_ATLAS_PROJECT_ID']}/streams"
    accept = {"Accept": "application/vnd.atlas.2024-08-05+json"}
    answers: list[httpx.Response] = []
    with httpx.Client(
        base_url=f"{served.base}/api/atlas/v2", auth=httpx.DigestAuth(*keys), headers=accept
    ) as client:

        def ask(method: str, path: str, body: Any = None) -> int:
            content = {"content": body} if isinstance(body, bytes) else {"json": body}
            answers.append(client.request(method, path, **content))
            return answers[-1].status_code

        region = {"cloudProvider": "AWS", "region": "VIRGINIA_USA"}
        assert ask("POST", streams, {"name": "ws", "dataProcessRegion": region}) == 200
        target = {"provider": "AWS", "vendor": "MSK", "arn": "arn:aws:kafka:us-east-1:1:cluster/a"}
        assert ask("POST", f"{streams}/privateLinkConnections", target) == 200
        link = answers[-1].json()["_id"]
        samples = json.loads(json.dumps(samples).replace(LINK, link))
        connections = f"{streams}/ws/connections"
        for sample in samples.values():
            one = f"{connections}/{sample['name']}"
            assert ask("POST", connections, sample) == 200
            assert ask("PATCH", one, sample) == 200
            assert ask("POST", connections, sample) == 409
            assert ask("PATCH", one, sample | {"nonsense": 1}) == 400
            assert ask("PATCH", one, sample | {"type": "nonsense"}) == 400
            assert ask("GET", one) == 200
        kafka = f"{connections}/kafka"
        assert ask("PATCH", kafka, b'{"authentication":{"password":"canary"') == 400
        assert ask("PATCH", kafka, {"authentication": {"password": ["canary"]}}) == 400
        assert ask("PATCH", kafka, {"authentication": "canary"}) == 400
        assert (
            ask("PATCH", kafka, {"authentication": {"password": "canary", "mechanism": "PLAIN", "x": 1}})
            == 400
        )
        assert ask("GET", connections) == 200
        with sqlite3.connect(served.data_dir / "brookmill.db") as past_the_server:
            past_the_server.execute("UPDATE connections SET sealed = zeroblob(9) WHERE name = 'kafka'")
        past_the_server.close()
        assert ask("PATCH", kafka, {"authentication": {"password": "canary"}}) == 500
    assert not [answer.text for answer in answers if "canary" in answer.text]
    log = (served.data_dir / "server.log").read_text("utf-8")
    assert "SealError" in log, "the fault itself is logged"
    assert "canary" not in log
    for file in served.data_dir.rglob("*"):
        assert not file.is_file() or b"canary" not in file.read_bytes(), file
