"""Calls that wait for workers keep nobody else waiting."""

from __future__ import annotations

import threading

import httpx
from served import Served
from servers import wait_until

from brookmill.domain.names import new_id
from brookmill.domain.processor import Processor
from brookmill.operations import OPERATIONS

POOL = 32
#: More than a pool has threads.
CALLERS = POOL + 8


def waiting() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("wait")]


def test_many_stops_of_a_slow_processor_leave_room_for_others(served: Served) -> None:
    workspace, supervisor = served.workspace(), served.services.supervisor
    now = served.clock.now()
    slow = Processor(
        id=new_id(now),
        workspace_id=workspace.id,
        name="slow",
        pipeline="[]",
        effective_tier="SP10",
        state_changed=now,
        created=now,
    )
    with served.store.write() as session:
        session.add_processor(slow)
    url = f"/groups/{served.own.id}/streams/{workspace.name}"
    client, statuses = served.client(served.bearer()), []

    def stop() -> None:
        statuses.append(client.post(f"{url}/processor/slow:stop").status_code)

    callers = [threading.Thread(target=stop) for _ in range(CALLERS)]
    with supervisor._turn(slow.id):  # as if its worker took its time
        for caller in callers:
            caller.start()
        wait_until(
            lambda: sum(t.name.startswith("wait") for t in threading.enumerate()) > 30, what="the stops"
        )
        assert httpx.get(f"{served.url}/readyz", timeout=5).status_code == 200
        assert client.get(url, timeout=5).status_code == 200
        assert statuses == []
    for caller in callers:
        caller.join()
    assert statuses == [200] * CALLERS


def test_every_operation_that_waits_for_others_is_known_to() -> None:
    known = {operation.id for operation in OPERATIONS.values() if operation.waits}
    assert known == {
        "deleteGroupStreamProcessor",
        "sampleGroupStreamProcessor",
        "startGroupStreamProcessor",
        "startGroupStreamProcessorWith",
        "stopGroupStreamProcessor",
        "testGroupStreamConnection",
        "testGroupStreamConnectionUnsaved",
        "updateGroupStreamWorkspace",
    }
