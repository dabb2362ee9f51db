"""A store with one workspace, and a supervisor whose workers are real processes."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import msgspec
import psutil
from servers import wait_until

from brookmill.clock import Clock, SystemClock
from brookmill.config import Settings
from brookmill.domain.connection import Connection
from brookmill.domain.processor import Processor, State
from brookmill.domain.workspace import DataProcessRegion, Group, Organization, Workspace
from brookmill.runtime import Supervisor
from brookmill.runtime.launcher import LocalLauncher, LocalWorker
from brookmill.store import Store

ORG, GROUP, WORKSPACE = "a" * 24, "b" * 24, "c" * 24
PROCESSOR = "d" * 24


@dataclass
class Recorder:
    """Launches workers as ever, and knows them from those of another test that are still ending."""

    workers: list[LocalWorker] = field(default_factory=list)

    def launch(self) -> LocalWorker:
        self.workers.append(LocalLauncher().launch())
        return self.workers[-1]

    def running(self) -> psutil.Process | None:
        """The newest worker, if it lives."""
        try:
            newest = psutil.Process(self.workers[-1].pid)
            return newest if newest.status() != psutil.STATUS_ZOMBIE else None
        except (IndexError, psutil.NoSuchProcess):
            return None


@dataclass
class Mill:
    """``directory`` is the data directory: another mill on it is the next run of the server."""

    directory: Path
    settings: Settings
    store: Store
    supervisor: Supervisor
    launcher: Recorder

    def connect(self, name: str, connection: Connection) -> None:
        kept = msgspec.structs.replace(
            connection, name=name, id=f"{len(name):0>12}{name.encode().hex():0>12}"
        )
        with self.store.write() as session:
            workspace = session.workspace_by_id(WORKSPACE)
            assert workspace is not None
            session.add_connection(workspace, kept)

    def process(
        self, *pipeline: dict[str, Any], options: dict[str, Any] | None = None, tier: str = "SP10"
    ) -> Processor:
        """Keep and start a processor."""
        processor = Processor(
            id=PROCESSOR,
            workspace_id=WORKSPACE,
            name="p",
            pipeline=json.dumps(pipeline),
            options=json.dumps(options) if options else None,
            effective_tier=tier,
            state_changed=0,
            created=0,
        )
        with self.store.write() as session:
            session.add_processor(processor)
        return self.supervisor.start(processor)

    @property
    def processor(self) -> Processor:
        with self.store.read() as session:
            processor = session.processor_by_id(PROCESSOR)
        assert processor is not None
        return processor

    @property
    def checkpoint(self) -> bytes | None:
        with self.store.read() as session:
            return session.checkpoint(PROCESSOR)

    def stats(self, **least: int) -> dict[str, Any]:
        """The statistics as soon as they reach ``least``."""

        def reached() -> Any:
            stats = self.supervisor.stats(PROCESSOR)
            return stats if stats and all(stats[k] >= v for k, v in least.items()) else None

        return dict(wait_until(reached, 30, f"statistics of {least}"))

    def failed(self) -> str:
        """The error as soon as the processor has failed."""
        wait_until(lambda: self.processor.state is State.FAILED, 30, "failure")
        return str(self.processor.error)

    def worker(self) -> psutil.Process:
        """Its process, once it is there."""
        return cast("psutil.Process", wait_until(self.launcher.running, what="the worker"))

    def kill(self) -> None:
        """Kill the worker and wait until it is gone."""
        killed = self.worker()
        killed.kill()
        wait_until(lambda: self.launcher.running() != killed, what="the worker's end")


def opened(directory: Path, clock: Clock | None = None, **settings: Any) -> Mill:
    """A mill on ``directory``; a new directory gets a workspace."""
    chosen = Settings(**{"data_dir": str(directory), "allow_private": True, **settings})
    clock = clock or SystemClock()
    store = Store.open(chosen, clock)
    region = DataProcessRegion(cloud_provider="AWS", region="VIRGINIA_USA")
    with store.write() as session:
        if session.workspace_by_id(WORKSPACE) is None:
            session.add_organization(Organization(id=ORG, name="o", created=0))
            session.add_group(Group(id=GROUP, org_id=ORG, name="g", created=0))
            session.add_workspace(Workspace(id=WORKSPACE, group_id=GROUP, name="w", region=region, created=0))
    launcher = Recorder()
    return Mill(directory, chosen, store, Supervisor(store, clock, chosen, launcher=launcher), launcher)
