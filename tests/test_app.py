"""The whole server as a process: start, addresses, lock, stop, and the start after a crash."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from brookmill.app import running
from brookmill.testing import server


def get(url: str) -> tuple[int, str]:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return answer.status, answer.read().decode()


def serve(data: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "brookmill", "serve", "--data-dir", str(data), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


def test_it_tells_where_it_listens_and_stops_cleanly(tmp_path: Path) -> None:
    with server(tmp_path) as it:
        assert json.loads((tmp_path / "server.json").read_text()) == {
            "pid": it.process.pid,
            "http": it.base,
            "wire": None,
        }
        assert get(f"{it.base}/readyz") == (200, "ok\n")
        assert f"listens on {it.base}" in (tmp_path / "server.log").read_text()
        it.process.send_signal(signal.SIGTERM)
        assert it.process.wait(30) == 0
    assert not (tmp_path / "server.json").exists()
    assert running(tmp_path) is None
    log = (tmp_path / "server.log").read_text()
    assert "Traceback" not in log
    assert '"event": "stopping"' in log


def test_a_second_server_on_the_same_data_is_refused(tmp_path: Path) -> None:
    with server(tmp_path) as it:
        second = serve(tmp_path, "--http", "127.0.0.1:0")
        assert second.returncode == 3
        who = f"the server with pid {it.process.pid} at {it.base}"
        assert second.stderr == f"brookmill: the data directory {tmp_path} is in use by {who}\n"
        assert get(f"{it.base}/livez")[0] == 200
        assert running(tmp_path) is not None


def test_after_a_crash_it_starts_with_the_same_credentials(tmp_path: Path) -> None:
    with server(tmp_path) as it:
        before = dict(it.environment)
        it.process.kill()
        it.process.wait(10)
    assert (tmp_path / "server.json").exists()
    assert running(tmp_path) is None
    with server(tmp_path) as it:
        keys = [name for name in before if name.endswith(("KEY", "SECRET", "ID"))]
        assert {k: it.environment[k] for k in keys} == {k: before[k] for k in keys}


def test_an_address_that_is_taken_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        failed = serve(tmp_path, "--http", address)
    assert failed.returncode == 3
    assert failed.stderr.strip() == f"brookmill: cannot listen on {address}: Address already in use"
    assert not (tmp_path / "server.json").exists()


@pytest.mark.parametrize("host", ["no.such.host.invalid", "203.0.113.7"])
def test_an_address_of_elsewhere_is_refused(tmp_path: Path, host: str) -> None:
    failed = serve(tmp_path, "--http", f"{host}:0")
    assert failed.returncode == 3
    assert failed.stderr.startswith(f"brookmill: cannot listen on {host}:0: ")
    assert "Traceback" not in failed.stderr


def test_a_data_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    failed = serve(tmp_path / "file" / "data")
    assert failed.returncode == 3
    assert failed.stderr.strip().endswith("file/data cannot be used: Not a directory")


def test_tls_files_that_are_no_such_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "x.pem").write_text("not a certificate")
    pem = str(tmp_path / "x.pem")
    failed = serve(
        tmp_path, "--http", "127.0.0.1:0", "--tls", "own", "--tls-certificate", pem, "--tls-key", pem
    )
    assert failed.returncode == 3
    assert failed.stderr.strip().splitlines()[-1].startswith("brookmill: TLS cannot be used: ")
    assert "Traceback" not in failed.stderr


def test_ipv6_has_brackets(tmp_path: Path) -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("no IPv6 here")
    with server(tmp_path, http="[::1]:0") as it:
        assert it.base.startswith("http://[::1]:")
        assert get(f"{it.base}/livez")[0] == 200
