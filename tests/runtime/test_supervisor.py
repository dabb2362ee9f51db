"""What the supervisor makes of what workers say, do and leave undone. The workers here follow a script."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bson
import msgspec
import pytest
from scripted import End, Script, ScriptedLauncher, failing, silent, vanishing, well
from servers import wait_until
from sqlalchemy.exc import SQLAlchemyError

from brookmill.clock import VirtualClock
from brookmill.config import Settings
from brookmill.domain.processor import Processor, State
from brookmill.domain.workspace import DataProcessRegion, Group, Organization, Workspace
from brookmill.errors import ConnectionFailed
from brookmill.runtime import Supervisor
from brookmill.runtime.messages import (
    Acknowledged,
    Checkpoint,
    Failed,
    Heartbeat,
    Running,
    Start,
)
from brookmill.store import Store

ORG, GROUP, WORKSPACE = "a" * 24, "b" * 24, "c" * 24


@dataclass
class Mill:
    """A store with one processor, and a supervisor over scripted workers."""

    store: Store
    clock: VirtualClock
    settings: Settings
    launcher: ScriptedLauncher
    supervisor: Supervisor
    id: str

    @property
    def processor(self) -> Processor:
        with self.store.read() as session:
            processor = session.processor_by_id(self.id)
        assert processor is not None
        return processor

    @property
    def checkpoint(self) -> bytes | None:
        with self.store.read() as session:
            return session.checkpoint(self.id)

    def start(self, **options: Any) -> Processor:
        return self.supervisor.start(self.processor, **options)


@pytest.fixture
def mill(tmp_path: Path) -> Iterator[Callable[..., Mill]]:
    made: list[Mill] = []

    def make(*scripts: Script, **settings: float) -> Mill:
        clock = VirtualClock(1000.0)
        chosen = Settings(data_dir=str(tmp_path), **settings)  # type: ignore[arg-type]
        store = Store.open(chosen, clock)
        launcher = ScriptedLauncher(list(scripts))
        processor = Processor(
            id="d" * 24,
            workspace_id=WORKSPACE,
            name="p",
            pipeline="[]",
            effective_tier="SP10",
            state_changed=0,
            created=0,
        )
        region = DataProcessRegion(cloud_provider="AWS", region="VIRGINIA_USA")
        with store.write() as session:
            session.add_organization(Organization(id=ORG, name="o", created=0))
            session.add_group(Group(id=GROUP, org_id=ORG, name="g", created=0))
            session.add_workspace(Workspace(id=WORKSPACE, group_id=GROUP, name="w", region=region, created=0))
            session.add_processor(processor)
        supervisor = Supervisor(store, clock, chosen, launcher=launcher)
        made.append(Mill(store, clock, chosen, launcher, supervisor, processor.id))
        return made[-1]

    yield make
    for one in made:
        one.supervisor.close()
        one.store.close()


Make = Callable[..., Mill]


def test_a_started_processor_runs_and_a_stopped_one_has_its_checkpoint(mill: Make) -> None:
    here = mill(well)
    started = here.start()
    assert started == here.processor
    assert (started.state, started.has_started, started.generation) == (State.STARTED, True, 1)
    assert started.state_changed == here.clock.now()
    wait_until(lambda: here.supervisor.stats(here.id), what="statistics")
    assert here.supervisor.stats(here.id) == {"inputMessageCount": 5}
    stopped = here.supervisor.stop(here.id)
    assert stopped == here.processor
    assert stopped.state is State.STOPPED
    assert here.checkpoint == b"+"
    assert here.supervisor.stats(here.id) is None


@pytest.mark.parametrize(("days", "kept"), [(44.9, b"+"), (45.1, None)])
def test_a_checkpoint_is_kept_for_45_days(mill: Make, days: float, kept: bytes | None) -> None:
    here = mill(well)
    here.start()
    here.supervisor.stop(here.id)
    here.clock.advance(days * 86_400)
    here.start()
    assert [start.checkpoint for start in here.launcher.starts] == [None, kept]


def test_where_to_start_is_told_to_every_worker_of_that_start(mill: Make) -> None:
    here = mill(vanishing, well)
    here.start(start_at={"startAtOperationTime": 5})
    wait_until(lambda: len(here.launcher.starts) == 2, what="the second worker")
    assert [bson.decode(start.start_at or b"") for start in here.launcher.starts] == [
        {"startAtOperationTime": 5}
    ] * 2
    here.supervisor.stop(here.id)
    here.start()
    assert here.launcher.starts[-1].start_at is None


def test_a_start_goes_on_at_the_checkpoint_unless_told_otherwise(mill: Make) -> None:
    here = mill(well)
    for expected in (None, b"+", b"++"):
        here.start()
        here.supervisor.stop(here.id)
        assert here.launcher.starts[-1].checkpoint == expected
    here.start(resume_from_checkpoint=False)
    assert here.launcher.starts[-1].checkpoint is None


def test_starting_a_started_one_and_stopping_a_stopped_one_change_nothing(mill: Make) -> None:
    here = mill(well)
    assert here.supervisor.stop(here.id) == here.processor
    assert here.processor.state is State.CREATED
    first = here.start()
    assert here.start() == first
    assert len(here.launcher.starts) == 1
    stopped = here.supervisor.stop(here.id)
    assert here.supervisor.stop(here.id) == stopped
    assert here.supervisor.stop("f" * 24) is None
    with pytest.raises(KeyError):
        here.supervisor.start(msgspec.structs.replace(first, id="f" * 24))


def test_the_tier_in_use_is_taken_from_the_caller(mill: Make) -> None:
    here = mill(well)
    asked = msgspec.structs.replace(here.processor, effective_tier="SP30", name="ignored")
    assert here.supervisor.start(asked).effective_tier == "SP30"
    assert (here.processor.effective_tier, here.processor.name) == ("SP30", "p")


@pytest.mark.parametrize("kind", ["user", "memory"])
def test_a_final_failure_is_told_at_once_and_kept(mill: Make, kind: str) -> None:
    here = mill(failing(error="no partitions found", kind=kind, code=419), well)
    with pytest.raises(ConnectionFailed, match="no partitions found") as failure:
        here.start()
    assert failure.value.code == 419
    assert (here.processor.state, here.processor.error) == (State.FAILED, "no partitions found")
    assert here.start().error is None
    assert here.processor.state is State.STARTED


def test_what_the_user_has_to_put_right_is_tried_again_once_it_ran(mill: Make) -> None:
    def expelled(end: End, start: Start) -> None:
        end.send(Running())
        end.send(Failed(error="wrong password", kind="user", code=8000))

    here = mill(expelled, failing(error="wrong password", kind="user", code=8000), well)
    begun = here.clock.now()
    here.start()
    wait_until(lambda: here.supervisor.stats(here.id), what="the password that was put right")
    assert here.processor.state is State.STARTED
    assert here.clock.now() - begun == 3  # seconds: one, then two


def test_what_the_user_does_not_put_right_ends_with_the_budget(mill: Make) -> None:
    here = mill(well, failing(error="wrong password", kind="user", code=8000), retry_budget=300.0)
    here.start()
    here.supervisor.close()
    begun = here.clock.now()
    here.supervisor.recover()
    wait_until(lambda: here.processor.state is State.FAILED, what="giving up")
    assert here.processor.error == "wrong password"
    assert 300 <= here.clock.now() - begun < 400


@pytest.mark.parametrize(("kind", "code"), [("memory", 418), ("user", 418), ("user", 420), ("plan", 40324)])
def test_some_failures_are_final_though_it_ran(mill: Make, kind: Any, code: int) -> None:
    def ending(end: End, start: Start) -> None:
        end.send(Running())
        end.send(Failed(error="too much", kind=kind, code=code))

    here = mill(ending, well)
    with contextlib.suppress(ConnectionFailed):  # where it fails before the caller has looked
        here.start()
    wait_until(lambda: here.processor.state is State.FAILED, what="giving up")
    assert len(here.launcher.starts) == 1


def test_outside_trouble_is_tried_again_until_the_budget_is_used_up(mill: Make) -> None:
    here = mill(failing(error="no broker", kind="connection"), retry_budget=300.0)
    begun = here.clock.now()
    assert here.start().state is State.STARTED
    wait_until(lambda: here.processor.state is State.FAILED, what="giving up")
    assert here.processor.error == "no broker"
    assert 300 <= here.clock.now() - begun < 400
    assert 7 <= len(here.launcher.starts) <= 14


def test_an_outside_that_hangs_uses_up_the_budget_though_the_worker_lives_long(mill: Make) -> None:
    def hanging(end: End, start: Start) -> None:
        end.send(Running())
        for _ in range(10):
            here.clock.advance(25.0)
            end.send(Heartbeat())
        end.send(Failed(error="no answer", kind="connection"))

    here = mill(hanging, retry_budget=300.0, heartbeat_timeout=1000.0)
    here.start()
    wait_until(lambda: here.processor.state is State.FAILED, what="giving up")
    assert here.processor.error == "no answer"
    assert len(here.launcher.starts) <= 4


def test_a_worker_that_ran_well_for_a_while_has_a_new_budget(mill: Make) -> None:
    def turning(end: End, start: Start) -> None:
        end.send(Running())
        here.clock.advance(100.0)
        end.send(Heartbeat(stats=bson.encode({})))
        end.send(Failed(error="no answer", kind="connection"))

    here = mill(*[turning] * 8, well, retry_budget=300.0, heartbeat_timeout=1000.0)
    here.start()
    wait_until(lambda: len(here.launcher.starts) == 9, what="the last worker")
    assert here.processor.state is State.STARTED


def test_outside_trouble_that_passes_leaves_no_trace(mill: Make) -> None:
    trouble = failing(error="no broker", kind="connection")
    here = mill(trouble, trouble, well)
    here.start()
    wait_until(lambda: here.supervisor.stats(here.id), what="the third worker")
    assert (here.processor.state, here.processor.error) == (State.STARTED, None)


@pytest.mark.parametrize("script", [vanishing, failing(error="bug", kind="internal", trace="…")])
def test_bugs_of_our_own_are_tried_again_for_ever(mill: Make, script: Script) -> None:
    here = mill(script, retry_budget=10.0)
    here.start()
    wait_until(lambda: here.clock.now() > 2000, what="time")
    assert here.processor.state is State.STARTED
    here.launcher.scripts.append(well)
    wait_until(lambda: here.supervisor.stats(here.id), what="a worker that is well")


def test_a_worker_without_a_sign_of_life_is_killed_and_replaced(mill: Make) -> None:
    here = mill(silent, well, heartbeat_timeout=30.0)
    here.start()
    here.clock.advance(29)
    assert len(here.launcher.starts) == 1
    here.clock.advance(2)
    wait_until(lambda: len(here.launcher.starts) == 2, what="the second worker")


def test_a_worker_of_an_older_generation_has_no_say(mill: Make) -> None:
    answers: list[object] = []

    def stubborn(end: End, start: Start) -> None:
        end.send(Running())
        go_on.wait(10)
        end.send(Checkpoint(sequence=1, data=b"old"))
        answers.append(end.receive(10))

    go_on = threading.Event()
    here = mill(stubborn)
    here.start()
    with here.store.write() as session:  # another server, or a modify, took over
        session.replace_processor(msgspec.structs.replace(here.processor, generation=7))
    go_on.set()
    wait_until(lambda: answers, what="the answer")
    assert answers == [Acknowledged(sequence=1, kept=False)]
    assert here.checkpoint is None
    assert (here.processor.state, here.processor.generation) == (State.STARTED, 7)
    assert len(here.launcher.starts) == 1


def test_a_deleted_processor_leaves_nothing(mill: Make) -> None:
    here = mill(silent)
    here.start()
    here.supervisor.delete(here.id)
    with here.store.read() as session:
        assert session.processor_by_id(here.id) is None
        assert session.checkpoint(here.id) is None
    here.supervisor.delete(here.id)


@contextmanager
def refusing(store: Path, change: str) -> Iterator[None]:
    """A database that takes no such change of processors, as on a full disk."""
    with closing(sqlite3.connect(store)) as database:
        database.execute(
            f"CREATE TRIGGER full BEFORE {change} ON processors BEGIN SELECT RAISE(ABORT, 'full'); END"
        )
        yield
        database.execute("DROP TRIGGER full")


def test_a_stop_that_cannot_be_kept_lets_the_processor_go_on(mill: Make, tmp_path: Path) -> None:
    here = mill(well)
    here.start()
    with refusing(tmp_path / "brookmill.db", "UPDATE"), pytest.raises(SQLAlchemyError):
        here.supervisor.stop(here.id)
    assert here.processor.state is State.STARTED
    wait_until(lambda: here.supervisor.stats(here.id), what="the worker that goes on")
    assert [start.checkpoint for start in here.launcher.starts] == [None, b"+"]
    here.supervisor.stop(here.id)
    assert (here.processor.state, here.checkpoint) == (State.STOPPED, b"++")


def test_a_removal_that_cannot_be_kept_leaves_the_processor_running(mill: Make, tmp_path: Path) -> None:
    here = mill(well)
    here.start()
    with refusing(tmp_path / "brookmill.db", "DELETE"), pytest.raises(SQLAlchemyError):
        here.supervisor.delete(here.id)
    wait_until(lambda: here.supervisor.stats(here.id), what="the worker")
    assert here.processor.state is State.STARTED
    assert len(here.launcher.starts) == 1


def test_closing_keeps_states_so_that_recovery_resumes(mill: Make) -> None:
    here = mill(well)
    here.start()
    here.supervisor.close()
    assert (here.processor.state, here.checkpoint) == (State.STARTED, b"+")
    again = Supervisor(here.store, here.clock, here.settings, launcher=here.launcher)
    again.recover()
    wait_until(lambda: again.stats(here.id), what="the recovered worker")
    assert here.launcher.starts[-1].checkpoint == b"+"
    assert here.processor.generation == 2
    again.close()


def test_many_callers_at_once_start_one_worker(mill: Make) -> None:
    here = mill(well)
    callers = [threading.Thread(target=here.start) for _ in range(8)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert len(here.launcher.starts) == 1
    assert here.processor.generation == 1
