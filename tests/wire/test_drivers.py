"""MongoDB's drivers for other languages, unmodified: they connect, log in, ask, and are refused."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import mongosh
import msgspec
import pymongo
import pytest
from pymongo.errors import ServerSelectionTimeoutError
from wired import PASSWORD, Wire, refused

SOURCES = Path(__file__).parent / "drivers"
#: What every one of the little programs prints: a reply, and a refusal.
PRINTED = ["SP10", "72 InvalidOptions"]
TOPOLOGIES = ("directConnection=true", "loadBalanced=true", "directConnection=false")


def fetched(*command: str, within: Path) -> None:
    """Run what fetches a driver; skips the test where it cannot be had."""
    if shutil.which(command[0]) is None:
        pytest.skip(f"there is no {command[0]}")
    try:
        ran = subprocess.run(command, cwd=within, check=False, capture_output=True, text=True, timeout=240)
    except subprocess.TimeoutExpired:
        pytest.skip(f"{command[0]} did not get the driver in time")
    if ran.returncode != 0:
        pytest.skip(f"the driver cannot be fetched: {(ran.stderr or ran.stdout).strip()[-300:]}")


def node(_: Path) -> Sequence[str]:
    if missing := mongosh.unavailable():
        pytest.skip(missing)
    return ["node", str(SOURCES / "node" / "ask.js"), str(mongosh.installed().parent)]


def go(directory: Path) -> Sequence[str]:
    program = directory / "ask"
    fetched("go", "mod", "download", within=SOURCES / "go")
    build = ["go", "build", "-o", str(program), "."]
    subprocess.run(build, cwd=SOURCES / "go", check=True, timeout=240)
    return [str(program)]


def java(directory: Path) -> Sequence[str]:
    pom = SOURCES / "java" / "pom.xml"
    if shutil.which("java") is None:
        pytest.skip("there is no java")
    goal = ["dependency:copy-dependencies", f"-DoutputDirectory={directory}"]
    fetched("mvn", "-q", "-B", "-f", str(pom), *goal, within=directory)
    return ["java", "-cp", f"{directory}{os.sep}*", str(pom.parent / "Ask.java")]


def asked(program: Sequence[str], uri: str) -> list[str]:
    ran = subprocess.run([*program, uri], check=False, capture_output=True, text=True, timeout=90)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout.split("\n")[:-1]


@pytest.fixture
def login(wire: Wire) -> str:
    host, port = wire.address
    return f"mongodb://{wire.user()}:{PASSWORD}@{host}:{port}/?authSource=admin"


@pytest.mark.parametrize(
    "driver", [node, pytest.param(go, marks=pytest.mark.slow), pytest.param(java, marks=pytest.mark.slow)]
)
def test_a_driver_connects_in_every_topology(
    driver: Callable[[Path], Sequence[str]], login: str, tmp_path: Path
) -> None:
    program = driver(tmp_path)
    for topology in TOPOLOGIES:
        assert asked(program, f"{login}&{topology}") == PRINTED, topology
    seeds = login.replace("/?", ",127.0.0.1:1/?")  # nothing listens at the second one
    assert asked(program, seeds) == PRINTED, "several seeds"


@pytest.mark.parametrize("driver", [node, pytest.param(go, marks=pytest.mark.slow)])
def test_a_driver_connects_with_tls(
    driver: Callable[[Path], Sequence[str]], secure: tuple[Wire, str], tmp_path: Path
) -> None:
    wire, trusting = secure
    uri = f"mongodb://{wire.user()}:{PASSWORD}@localhost:{wire.address[1]}/?{trusting}"
    assert asked(driver(tmp_path), f"{uri}&authSource=admin") == PRINTED


def test_the_name_that_a_client_calls_chooses_the_workspace(secure: tuple[Wire, str]) -> None:
    wire, trusting = secure
    user, uri = wire.user(), f"mongodb://localhost:{wire.address[1]}/?{trusting}"
    other = wire.served.workspace()
    client: Any = pymongo.MongoClient(uri, username=user, password=PASSWORD)
    with client:
        code, _, text = refused(client.admin, "listStreamConnections", 1)
        assert (code, "there are several workspaces" in text) == (72, True)
        with wire.served.store.write() as session:
            session.remove_workspace(other)
            session.add_workspace(msgspec.structs.replace(other, hostnames=("localhost",)))
        assert client.admin.command("listStreamConnections", 1)["connections"] == []


@pytest.mark.slow
def test_without_tls_nothing_is_said(secure: tuple[Wire, str]) -> None:
    wire, _ = secure
    uri = f"mongodb://localhost:{wire.address[1]}/"
    client: Any = pymongo.MongoClient(uri, serverSelectionTimeoutMS=300)
    with client, pytest.raises(ServerSelectionTimeoutError):
        client.admin.command("ping")
