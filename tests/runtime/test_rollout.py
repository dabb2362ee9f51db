"""Rollouts: all processors take up a change, or none, whatever ends in between. Workers follow a script."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import pytest
from scripted import End, ScriptedLauncher, well
from servers import wait_until

from brookmill.clock import Clock, SystemClock, VirtualClock
from brookmill.config import Settings
from brookmill.connections.https import Https
from brookmill.domain.processor import Processor, State
from brookmill.domain.rollout import Rollout, Step
from brookmill.domain.workspace import DataProcessRegion, Group, Organization, Workspace
from brookmill.runtime import Supervisor
from brookmill.runtime.messages import Failed, Running, Start
from brookmill.store import Store

ORG, GROUP, ROLLOUT = "a" * 24, "b" * 24, "e" * 24
WORKSPACE = Workspace(
    id="c" * 24,
    group_id=GROUP,
    name="w",
    region=DataProcessRegion(cloud_provider="AWS", region="VIRGINIA_USA"),
    created=0,
)
OLD, NEW = "http://old", "http://new"
PIPELINE = '[{"$source":{"documents":[]}},{"$https":{"connectionName":"it"}}]'


@dataclass
class Mill:
    """A store with processors ``p0``, ``p1``, … that use the connection ``it``; workers do what its url says.

    ``plays``: url and name of the processor, or url alone -> script. ``starts``: name and url, in order.
    """

    store: Store
    clock: Clock
    settings: Settings
    plays: dict[object, Callable[[End, Start], None]] = field(default_factory=dict)
    starts: list[tuple[str, str, bytes | None]] = field(default_factory=list)
    supervisor: Supervisor = field(init=False)

    def __post_init__(self) -> None:
        self.serve()

    def serve(self) -> None:
        launcher = ScriptedLauncher([self._play])
        self.supervisor = Supervisor(self.store, self.clock, self.settings, launcher=launcher)

    def _play(self, end: End, start: Start) -> None:
        url = msgspec.json.decode(start.connections["it"])["url"]
        self.starts.append((start.name, url, start.checkpoint))
        self.plays.get((url, start.name), self.plays.get(url, well))(end, start)

    def begin(self, count: int = 2) -> None:
        """Start the processors."""
        for n in range(count):
            processor = Processor(
                id=f"{n:024d}",
                workspace_id=WORKSPACE.id,
                name=f"p{n}",
                pipeline=PIPELINE,
                effective_tier="SP10",
                state_changed=0,
                created=0,
            )
            with self.store.write() as session:
                session.add_processor(processor)
            self.supervisor.start(processor)

    def change(self, count: int = 2) -> None:
        """Write the new url and what is to be rolled out, as an operation does."""
        steps = tuple(Step(processor_id=f"{n:024d}", name=f"p{n}") for n in range(count))
        with self.store.write() as session:
            after = session.replace_connection(WORKSPACE, Https(id="1", name="it", url=NEW))
            rollout = Rollout(
                id=ROLLOUT,
                workspace_id=WORKSPACE.id,
                connection="it",
                before=after - 1,
                after=after,
                created=self.clock.now(),
                steps=steps,
            )
            session.rollouts.add(rollout)

    def roll_out(self, count: int = 2) -> None:
        self.change(count)
        self.supervisor.rollouts.begin(ROLLOUT)

    @property
    def rollout(self) -> Rollout:
        with self.store.read() as session:
            found = session.rollouts.one(ROLLOUT)
        assert found is not None
        return found

    def ended(self, state: str) -> Rollout:
        wait_until(lambda: self.rollout.ended is not None, 30, "the end of the rollout")
        assert self.rollout.state == state
        return self.rollout

    @property
    def processors(self) -> list[Processor]:
        with self.store.read() as session:
            return session.processors(WORKSPACE)

    @property
    def url(self) -> object:
        with self.store.read() as session:
            connection = session.connection(WORKSPACE, "it")
        assert isinstance(connection, Https)
        return connection.url

    def checkpoint(self, n: int) -> bytes | None:
        with self.store.read() as session:
            return session.checkpoint(f"{n:024d}")


@pytest.fixture
def mill(tmp_path: Path) -> Iterator[Callable[..., Mill]]:
    """On a virtual clock unless told otherwise: there, whoever is watched is watched at once to the end."""
    made: list[Mill] = []

    def make(clock: Clock | None = None, **settings: float) -> Mill:
        clock = clock or VirtualClock(1000.0)
        chosen = Settings(data_dir=str(tmp_path), **settings)  # type: ignore[arg-type]
        store = Store.open(chosen, clock)
        with store.write() as session:
            session.add_organization(Organization(id=ORG, name="o", created=0))
            session.add_group(Group(id=GROUP, org_id=ORG, name="g", created=0))
            session.add_workspace(WORKSPACE)
            session.add_connection(WORKSPACE, Https(id="1", name="it", url=OLD))
        made.append(Mill(store, clock, chosen))
        return made[-1]

    yield make
    for one in made:
        one.supervisor.close()
        one.store.close()


Make = Callable[..., Mill]


def refusing(end: End, start: Start) -> None:
    """As with a wrong password: never runs, and trying again cannot help."""
    end.send(Failed(error="Wrong password", kind="user", code=8000))


def test_one_after_the_other_takes_it_up(mill: Make) -> None:
    here = mill()
    here.begin()
    here.roll_out()
    rollout = here.ended("SUCCEEDED")
    assert [(s.state, s.generation) for s in rollout.steps] == [("SWITCHED", 2), ("SWITCHED", 2)]
    assert all(step.pause is not None for step in rollout.steps)
    assert here.starts == [
        ("p0", OLD, None),
        ("p1", OLD, None),
        ("p0", NEW, b"+"),
        ("p1", NEW, b"+"),
    ], "each from its last checkpoint"
    assert [p.state for p in here.processors] == [State.STARTED] * 2
    assert [p.state_changed for p in here.processors] == [1000.0] * 2, "never left"
    assert here.url == NEW
    with here.store.read() as session:
        assert session.rollouts.checkpoint(ROLLOUT, f"{0:024d}") is None
        assert session.rollouts.active(WORKSPACE.id, "it") is None


def test_a_failure_takes_all_of_them_back(mill: Make) -> None:
    here = mill()
    here.plays[NEW, "p1"] = refusing
    here.begin(3)
    here.roll_out(3)
    rollout = here.ended("ROLLED_BACK")
    assert rollout.error == "p1: Wrong password"
    assert [step.state for step in rollout.steps] == ["REVERTED", "REVERTED", "PENDING"]
    wait_until(lambda: len(here.starts) == 7, what="the workers")
    assert here.starts[3:5] == [("p0", NEW, b"+"), ("p1", NEW, b"+")]
    assert sorted(here.starts[5:]) == [("p0", OLD, b"+"), ("p1", OLD, b"+")], (  # at the same time
        "from the checkpoints before the change"
    )
    assert [p.state for p in here.processors] == [State.STARTED] * 3
    assert [p.generation for p in here.processors] == [3, 3, 1]
    assert here.url == OLD
    with here.store.read() as session:
        newest = session.revisions.one(WORKSPACE, "it", 3)
    assert newest is not None
    assert (newest.action, newest.restored, newest.author.kind) == ("ROLLBACK", 1, "SERVER")
    assert (newest.author.name, newest.author.id) == ("rollout", ROLLOUT)


def test_one_that_fails_while_another_is_watched_takes_all_back(mill: Make) -> None:
    here, other, gone = mill(SystemClock(), rollout_watch=2), threading.Event(), threading.Event()

    def first(end: End, start: Start) -> None:
        end.send(Running())
        assert other.wait(30)
        end.send(Failed(error="Denied", kind="connection"))
        gone.set()

    def second(end: End, start: Start) -> None:
        other.set()
        assert gone.wait(30)
        well(end, start)

    here.plays[NEW, "p0"] = first
    here.plays[NEW, "p1"] = second
    here.begin()
    here.roll_out()
    rollout = here.ended("ROLLED_BACK")
    assert rollout.error == "p0: Denied"
    assert [step.state for step in rollout.steps] == ["REVERTED", "REVERTED"]
    assert here.url == OLD
    assert [p.state for p in here.processors] == [State.STARTED] * 2


def test_one_that_was_stopped_meanwhile_is_left_alone(mill: Make) -> None:
    here = mill()
    here.begin()
    here.change()
    here.supervisor.stop(here.processors[0].id)
    here.supervisor.rollouts.begin(ROLLOUT)
    rollout = here.ended("SUCCEEDED")
    assert [step.state for step in rollout.steps] == ["SKIPPED", "SWITCHED"]
    assert here.processors[0].state is State.STOPPED


def test_a_server_that_ended_halfway_takes_all_back_when_it_starts(mill: Make) -> None:
    here = mill()
    here.begin()
    here.change()
    with here.store.write() as session:  # what a server leaves that was killed after the first switch
        processor = here.processors[0]
        session.rollouts.change_step(
            ROLLOUT, processor.id, state="SWITCHED", generation=processor.generation, checkpoint=b"before"
        )
        session.save_checkpoint(processor.id, processor.generation, b"after")
    here.supervisor.close()
    here.serve()
    here.supervisor.recover()
    rollout = here.ended("ROLLED_BACK")
    assert rollout.error == "the server was stopped before the rollout had ended"
    assert [step.state for step in rollout.steps] == ["REVERTED", "PENDING"]
    assert here.url == OLD
    wait_until(lambda: len(here.starts) == 4, what="the workers")
    assert sorted(here.starts[2:]) == [("p0", OLD, b"before"), ("p1", OLD, b"+")]


def test_before_its_turn_a_worker_begins_anew_as_before(mill: Make) -> None:
    here = mill()
    here.begin(1)
    here.change(1)
    here.supervisor.renew(f"{0:024d}")
    wait_until(lambda: len(here.starts) == 2, what="the worker")
    assert here.starts[1] == ("p0", OLD, b"+")


def test_what_somebody_wrote_meanwhile_stays(mill: Make) -> None:
    here = mill()
    here.begin()
    here.plays[NEW, "p1"] = refusing
    here.change()
    with here.store.write() as session:
        session.replace_connection(WORKSPACE, Https(id="1", name="it", url="http://newer"))
    here.plays["http://newer"] = refusing
    here.supervisor.rollouts.begin(ROLLOUT)
    here.ended("ROLLED_BACK")
    assert here.url == "http://newer"
