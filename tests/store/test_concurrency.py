"""Writers in many threads and several processes: one behind the other, none lost."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import msgspec

from brookmill.config import Settings
from brookmill.connections.https import Https
from brookmill.domain.workspace import Workspace
from brookmill.store import Store

replace = msgspec.structs.replace
PARALLEL = 64


def test_parallel_changes_of_different_connections_are_all_kept(store: Store, workspace: Workspace) -> None:
    """Upstream keeps a workspace's connections in one document and loses some of these (contract c.1)."""
    with store.write() as session:
        for n in range(PARALLEL):
            session.add_connection(workspace, Https(id=str(n), name=f"c{n}", url="http://before"))
    together = Barrier(PARALLEL)

    def patch(n: int) -> None:
        together.wait()
        with store.write() as session:
            kept = session.connection(workspace, f"c{n}")
            assert isinstance(kept, Https)
            session.replace_connection(workspace, replace(kept, url=f"http://after/{n}"))
        with store.read() as session:
            written = session.connection(workspace, f"c{n}")
            assert isinstance(written, Https)
            assert written.url == f"http://after/{n}", "a reader sees what was acknowledged"

    with ThreadPoolExecutor(PARALLEL) as pool:
        list(pool.map(patch, range(PARALLEL)))
    with store.read() as session:
        urls = [c.url for c in session.connections(workspace) if isinstance(c, Https)]
    assert urls == [f"http://after/{n}" for n in range(PARALLEL)]


def count_up(store: Store, workspace: Workspace, times: int) -> None:
    """Read, add one, write: any two that overlap would lose one."""
    for _ in range(times):
        with store.write() as session:
            kept = session.connection(workspace, "counter")
            assert isinstance(kept, Https)
            assert isinstance(kept.url, str)
            session.replace_connection(workspace, replace(kept, url=str(int(kept.url) + 1)))


WRITER = """
import sys
import msgspec
from brookmill.clock import SystemClock
from brookmill.config import Settings
from brookmill.store import Store

store = Store.open(msgspec.json.decode(sys.argv[1], type=Settings), SystemClock())
for _ in range(int(sys.argv[3])):
    with store.write() as session:
        workspace = session.workspace_by_id(sys.argv[2])
        kept = session.connection(workspace, "counter")
        session.replace_connection(workspace, msgspec.structs.replace(kept, url=str(int(kept.url) + 1)))
store.close()
"""


def test_processes_queue_behind_each_other(store: Store, workspace: Workspace, settings: Settings) -> None:
    with store.write() as session:
        session.add_connection(workspace, Https(id="1", name="counter", url="0"))
    arguments = [msgspec.json.encode(settings).decode(), workspace.id, "50"]
    processes = [subprocess.Popen([sys.executable, "-c", WRITER, *arguments]) for _ in range(2)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: count_up(store, workspace, 25), range(4)))
    assert [process.wait() for process in processes] == [0, 0]
    with store.read() as session:
        counter = session.connection(workspace, "counter")
    assert isinstance(counter, Https)
    assert counter.url == "200"


def test_a_database_is_made_by_whichever_process_comes_first(
    settings: Settings, reopen: Callable[[], Store]
) -> None:
    together = Barrier(8)

    def start(_: int) -> Store:
        together.wait()
        return reopen()

    with ThreadPoolExecutor(8) as pool:
        stores = list(pool.map(start, range(8)))
    assert len({tuple(store.keyring.ids) for store in stores}) == 1
    assert all(store.ready() for store in stores)
