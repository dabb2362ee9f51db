"""A store on SQLite and one on a PostgreSQL of our own: every test here runs on both."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from brookmill.clock import VirtualClock
from brookmill.config import Settings
from brookmill.domain.workspace import DataProcessRegion, Group, Organization, Workspace
from brookmill.store import Store

ORG = Organization(id="0" * 23 + "a", name="Mill", created=1.0)
GROUP = Group(id="0" * 23 + "b", org_id=ORG.id, name="Wheel", created=2.0)
WORKSPACE = Workspace(
    id="0" * 23 + "c",
    group_id=GROUP.id,
    name="brook",
    region=DataProcessRegion(cloud_provider="AWS", region="VIRGINIA_USA"),
    hostnames=("localhost:27017",),
    created=3.0,
)


def binaries() -> Path | None:
    """Where PostgreSQL's programs are, the newest version first."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: p.parts[-3])
    on_path = shutil.which("initdb")
    return found[-1].parent if found else Path(on_path).parent if on_path else None


@pytest.fixture(scope="session")
def postgresql() -> Iterator[sa.URL]:
    """A running instance that listens on a socket file only. It refuses to run as root."""
    programs = binaries()
    if programs is None:
        pytest.skip("PostgreSQL's programs are not installed")
    home = Path(tempfile.mkdtemp(prefix="brookmill-pg-"))
    user = "nobody" if os.getuid() == 0 else None
    if user:
        shutil.chown(home, user)
    log, data = home / "log", home / "data"

    def run(*command: str | Path) -> None:
        subprocess.run([str(c) for c in command], check=True, user=user, cwd=home, stdout=subprocess.DEVNULL)

    run(programs / "initdb", "-D", data, "-U", "mill", "-A", "trust", "-E", "UTF8", "--no-sync", "--locale=C")
    # fsync stays off: this instance is never crashed, and the disk is shared
    options = (
        f"-c listen_addresses='' -c unix_socket_directories='{home}' -c fsync=off -c max_connections=150"
    )
    run(programs / "pg_ctl", "-D", data, "-l", log, "-w", "-o", options, "start")
    try:
        yield sa.URL.create("postgresql+psycopg", "mill", database="postgres", query={"host": str(home)})
    finally:
        run(programs / "pg_ctl", "-D", data, "-m", "immediate", "-w", "stop")
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(params=["sqlite", "postgresql"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    """Settings with an empty database of the kind."""
    if request.param == "sqlite":
        return Settings(data_dir=str(tmp_path / "data"))
    url: sa.URL = request.getfixturevalue("postgresql")
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP SCHEMA public CASCADE")
        connection.exec_driver_sql("CREATE SCHEMA public")
    engine.dispose()
    return Settings(data_dir=str(tmp_path / "data"), database=url.render_as_string(hide_password=False))


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(1_000.0)


@pytest.fixture
def reopen(settings: Settings, clock: VirtualClock) -> Iterator[Callable[[], Store]]:
    """Opens the database once more, as another process would."""
    stores: list[Store] = []

    def opened() -> Store:
        stores.append(Store.open(settings, clock))
        return stores[-1]

    yield opened
    for store in stores:
        store.close()


@pytest.fixture
def store(reopen: Callable[[], Store]) -> Store:
    """A store with one organization, one project and one workspace."""
    store = reopen()
    with store.write() as session:
        session.add_organization(ORG)
        session.add_group(GROUP)
        session.add_workspace(WORKSPACE)
    return store


@pytest.fixture
def workspace(store: Store) -> Workspace:
    return WORKSPACE


@pytest.fixture
def rows(settings: Settings) -> Iterator[Callable[[str], list[sa.Row[tuple[object, ...]]]]]:
    """Runs SQL past the store, as somebody with a database client could; answers what it selects."""
    database = f"sqlite:///{settings.data_dir}/brookmill.db"
    engine = sa.create_engine(settings.database or database)

    def run(sql: str) -> list[sa.Row[tuple[object, ...]]]:
        with engine.begin() as connection:
            result = connection.exec_driver_sql(sql)
            return list(result.all()) if result.returns_rows else []

    yield run
    engine.dispose()
