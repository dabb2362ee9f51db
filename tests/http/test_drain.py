"""Stopping: what has begun is finished and answered, nothing new begins."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from brookmill.testing import Server, server

ACCEPT = "application/vnd.atlas.2024-08-05+json"


def token(running: Server, verify: ssl.SSLContext | bool = False) -> str:
    pair = tuple(running.environment[f"MONGODB_ATLAS_CLIENT_{word}"] for word in ("ID", "SECRET"))
    answer = httpx.post(
        f"{running.base}/api/oauth/token",
        data={"grant_type": "client_credentials"},
        auth=(pair[0], pair[1]),
        verify=verify,
    )
    return str(answer.json()["access_token"])


def test_a_request_that_has_begun_is_finished(tmp_path: Path) -> None:
    region = {"cloudProvider": "AWS", "region": "VIRGINIA_USA"}
    body = json.dumps({"name": "ws", "dataProcessRegion": region}).encode()
    with server(tmp_path) as running:
        host, port = running.base.removeprefix("http://").split(":")
        project = running.environment["MONGODB_ATLAS_PROJECT_ID"]
        head = (
            f"POST /api/atlas/v2/groups/{project}/streams HTTP/1.1\r\n"
            f"Host: x\r\nAccept: {ACCEPT}\r\nContent-Type: application/json\r\n"
            f"Authorization: Bearer {token(running)}\r\nContent-Length: {len(body)}\r\n\r\n"
        ).encode()
        with socket.create_connection((host, int(port)), timeout=10) as connection:
            connection.sendall(head + body[:20])
            _until(lambda: "requests_running 2.0" in httpx.get(f"{running.base}/metrics", verify=False).text)
            running.process.send_signal(signal.SIGTERM)
            _until(lambda: _refuses(host, int(port)))
            connection.sendall(body[20:])
            answer = b""
            while chunk := connection.recv(65536):
                answer += chunk
        assert answer.startswith(b"HTTP/1.1 200 ")
        assert json.loads(answer.partition(b"\r\n\r\n")[2])["name"] == "ws"
        assert running.process.wait(10) == 0
    with server(tmp_path) as again:
        path = f"/api/atlas/v2/groups/{again.environment['MONGODB_ATLAS_PROJECT_ID']}/streams/ws"
        headers = {"Accept": ACCEPT, "Authorization": f"Bearer {token(again)}"}
        assert httpx.get(again.base + path, headers=headers, verify=False).status_code == 200


def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def _refuses(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=1).close()
    except OSError:
        return True
    return False


def test_over_tls_with_an_authority_of_our_own(tmp_path: Path) -> None:
    with server(tmp_path, tls="self-made") as running:
        assert running.base.startswith("https://")
        authority = tmp_path / "tls" / "ca.pem"
        trust = ssl.create_default_context(cafile=authority)
        headers = {"Accept": ACCEPT, "Authorization": f"Bearer {token(running, trust)}"}
        answer = httpx.get(f"{running.base}/api/atlas/v2", headers=headers, verify=trust)
        assert answer.status_code == 200
        assert "strict-transport-security" in answer.headers
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{running.base}/livez")


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_curl_over_tls(tmp_path: Path) -> None:
    with server(tmp_path, tls="self-made") as running:
        url = running.base.replace("127.0.0.1", "localhost") + "/livez"
        curl = ["curl", "-sS", "--fail", "--cacert", str(tmp_path / "tls" / "ca.pem"), url]
        assert subprocess.run(curl, capture_output=True, check=True).stdout == b"ok\n"
