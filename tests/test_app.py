"""The whole server as a process: start, addresses, lock, stop, and the start after a crash."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
from pathlib import Path

import pytest

from brookmill.app import _alone_in, running
from brookmill.clock import SystemClock
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
            "wire": it.wire,
        }
        assert get(f"{it.base}/readyz") == (200, "ok\n")
        assert f"listens on {it.base}" in (tmp_path / "server.log").read_text()
        assert f"for mongosh on {it.wire}" in (tmp_path / "server.log").read_text()
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


@pytest.mark.parametrize("pid", [pytest.param(os.getpid(), id="this"), 1, -1, 2**32, 2**70])
def test_after_a_crash_nobody_runs_whoever_has_the_pid_now(tmp_path: Path, pid: int) -> None:
    with server(tmp_path) as it:
        it.process.kill()
        it.process.wait(10)
    (tmp_path / "server.json").write_text(json.dumps({"pid": pid, "http": it.base, "wire": None}))
    assert running(tmp_path) is None


def test_looking_whether_a_server_runs_keeps_none_from_starting(tmp_path: Path) -> None:
    (tmp_path / "server.lock").touch()
    with (tmp_path / "server.lock").open() as looking:
        fcntl.flock(looking, fcntl.LOCK_SH)
        threading.Timer(0.05, lambda: fcntl.flock(looking, fcntl.LOCK_UN)).start()
        with _alone_in(tmp_path, SystemClock()):
            assert running(tmp_path) is None  # it has told nothing yet


@pytest.mark.parametrize(
    ("broken", "text"),
    [
        ("dev-credentials.json", "is not what --dev wrote; put it back, or remove it"),
        ("dev-credentials.new", "cannot be used: Is a directory"),
        ("server.new", "cannot be used: Is a directory"),
        ("brookmill.db", "cannot be used: Is a directory"),
        ("master.key", "cannot be read: "),
        ("tls", "cannot be used: File exists"),
    ],
)
def test_what_is_damaged_in_the_data_directory_is_named(tmp_path: Path, broken: str, text: str) -> None:
    path = tmp_path / broken
    if broken == "tls":
        path.write_text("")
    else:
        path.mkdir()
    failed = serve(tmp_path, "--dev", "--http", "127.0.0.1:0", "--tls", "self-made")
    assert failed.returncode == 3
    assert "Traceback" not in failed.stderr
    assert text in failed.stderr


def test_nobody_else_reads_the_database(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    with server(tmp_path):
        modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.glob("brookmill.db*")}
    assert "brookmill.db-wal" in modes
    assert set(modes.values()) == {0o600}


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
