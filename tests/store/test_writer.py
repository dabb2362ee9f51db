"""Writers that share a commit: acknowledged after it, undone one by one, failing together when it fails."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
import sqlalchemy as sa
from sqlalchemy import event

from brookmill.domain.workspace import Organization
from brookmill.store import Store, StoreError
from brookmill.store.session import Session

OTHERS = 10

Body = Callable[[Session, int], object]


@pytest.fixture
def commits(store: Store) -> Iterator[list[float]]:
    """When the store has begun to commit."""
    seen: list[float] = []
    engine = store._engine

    def note(_: object) -> None:
        seen.append(time.monotonic())

    event.listen(engine, "commit", note)
    yield seen
    event.remove(engine, "commit", note)


def add(session: Session, number: int) -> None:
    session.add_organization(Organization(id=f"{number:024}", name="added", created=0.0))


def together(store: Store, body: Body = add) -> list[Future[float]]:
    """One writer, and ``OTHERS`` that have queued before it is done; when each was acknowledged."""

    def write(number: int) -> float:
        with store.write() as session:
            body(session, number)
            while number == 0 and store._writer._queue < OTHERS:
                time.sleep(0.001)
        return time.monotonic()

    with ThreadPoolExecutor(OTHERS + 1) as pool:
        first = pool.submit(write, 0)
        while store._writer._batch is None:
            time.sleep(0.001)
        return [first, *(pool.submit(write, n) for n in range(1, OTHERS + 1))]


def kept(store: Store) -> set[int]:
    with store.read() as session:
        return {int(o.id) for o in session.organizations() if o.name == "added"}


def test_those_who_queue_share_a_commit_and_are_acknowledged_after_it(
    store: Store, commits: list[float]
) -> None:
    acknowledged = [future.result() for future in together(store)]
    assert len(commits) == 1
    assert min(acknowledged) >= commits[0]
    assert kept(store) == {*range(OTHERS + 1)}


def test_one_that_fails_is_undone_alone(store: Store, commits: list[float]) -> None:
    def body(session: Session, number: int) -> None:
        add(session, number)
        if number % 3 == 2:
            raise ZeroDivisionError

    futures = together(store, body)
    for number, future in enumerate(futures):
        assert isinstance(future.exception(), ZeroDivisionError if number % 3 == 2 else type(None))
    assert kept(store) == {n for n in range(OTHERS + 1) if n % 3 != 2}


def test_when_the_commit_fails_nobody_is_acknowledged(store: Store) -> None:
    def refuse(_: object) -> None:
        raise sa.exc.OperationalError("COMMIT", {}, OSError("disk full"))

    event.listen(store._engine, "commit", refuse)
    futures = together(store)
    event.remove(store._engine, "commit", refuse)
    assert all(isinstance(f.exception(), StoreError | sa.exc.OperationalError) for f in futures)
    assert kept(store) == set()
    with store.write() as session:
        add(session, 1)
    assert kept(store) == {1}


def test_when_the_database_undoes_the_transaction_by_itself_all_of_it_fail(
    store: Store, commits: list[float]
) -> None:
    """As SQLite does when the disk is full. Those who come after begin anew."""

    def body(session: Session, number: int) -> None:
        add(session, number)
        if number == OTHERS:
            session.transaction.exec_driver_sql("ROLLBACK")

    failed = {number for number, future in enumerate(together(store, body)) if future.exception()}
    assert {0, OTHERS} <= failed
    assert kept(store) == {*range(OTHERS + 1)} - failed


def test_a_writer_does_not_nest(store: Store) -> None:
    with pytest.raises(RuntimeError, match="already"), store.write(), store.write():
        pass
    assert store.ready()
