"""One server on a database, whichever data directory it was given."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from brookmill.store import Store, StoreError


def test_a_second_server_is_refused_and_commands_are_not(reopen: Callable[[], Store]) -> None:
    first, second = reopen(), reopen()
    with first.serving():
        with pytest.raises(StoreError, match="in use by another server"), second.serving():
            pytest.fail("two servers on one database")
        with second.write() as session:
            assert session.organizations() == []


def test_when_the_first_has_ended_another_may_come(reopen: Callable[[], Store]) -> None:
    first, second = reopen(), reopen()
    with first.serving():
        pass
    with second.serving():
        pass
