"""A server on either database: its key is rotated by another process while it works, then it is killed."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from brookmill.config import Settings
from brookmill.store.seal import KEY_FILE
from brookmill.testing import Server, server

CONNECTIONS = 12

HEADERS = {"Accept": "application/vnd.atlas.2024-08-05+json"}


@contextmanager
def started(settings: Settings) -> Iterator[tuple[Server, httpx.Client]]:
    """A server on the settings' database, and a client in its project with Digest."""
    more: dict[str, Any] = {"database": settings.database} if settings.database else {}
    with server(Path(settings.data_dir), rate_limit=0, **more) as running:
        given = running.environment
        pair = (given["MONGODB_ATLAS_PUBLIC_API_KEY"], given["MONGODB_ATLAS_PRIVATE_API_KEY"])
        base = f"{running.base}/api/atlas/v2/groups/{given['MONGODB_ATLAS_PROJECT_ID']}"
        with httpx.Client(base_url=base, auth=httpx.DigestAuth(*pair), headers=HEADERS, timeout=30) as client:
            yield running, client


def set_version(client: httpx.Client, n: int, version: int) -> None:
    body = {"url": f"http://h{n}/{version}", "headers": {"v": str(version)}}
    answer = client.patch(f"/streams/brook/connections/c{n}", json=body)
    assert answer.status_code == 200, answer.text


def versions(client: httpx.Client) -> list[str]:
    listed = client.get("/streams/brook/connections?itemsPerPage=500").json()
    return [c["headers"]["v"] for c in listed["results"]]


def rotation(settings: Settings) -> subprocess.Popen[bytes]:
    given = {"BROOKMILL_DATA_DIR": settings.data_dir}
    if settings.database:
        given["BROOKMILL_DATABASE"] = settings.database
    command = [sys.executable, "-m", "brookmill", "keys", "rotate"]
    return subprocess.Popen(command, env=os.environ | given, stdout=subprocess.DEVNULL)


def test_keys_rotate_while_the_server_works_and_nothing_is_lost(
    settings: Settings, rows: Callable[[str], list[tuple[str]]]
) -> None:
    with started(settings) as (running, client):
        region = {"cloudProvider": "AWS", "region": "VIRGINIA_USA"}
        assert client.post("/streams", json={"name": "brook", "dataProcessRegion": region}).is_success
        for n in range(CONNECTIONS):
            body = {"name": f"c{n}", "type": "Https", "url": "http://h", "headers": {"v": "0"}}
            assert client.post("/streams/brook/connections", json=body).is_success
        key_file = Path(settings.data_dir, KEY_FILE)
        old = base64.b64decode(key_file.read_text())
        rotating, version = rotation(settings), 0
        while rotating.poll() is None:
            version += 1
            for n in range(CONNECTIONS):
                set_version(client, n, version)
            assert versions(client) == [str(version)] * CONNECTIONS
        assert rotating.returncode == 0
        assert version > 0
        set_version(client, 0, version)
        running.process.kill()
    assert base64.b64decode(key_file.read_text()) != old
    assert len(set(rows("SELECT key_id FROM connections UNION SELECT key_id FROM api_keys"))) == 1
    with started(settings) as (_, client):
        assert versions(client) == [str(version)] * CONNECTIONS
