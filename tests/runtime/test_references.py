"""References to secrets in connections of running processors: resolved at each start, and nowhere else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mill import PROCESSOR, WORKSPACE, Mill
from servers import Endpoint, Reply, wait_until

from brookmill.connections.https import Https
from brookmill.domain.processor import State
from brookmill.errors import ConnectionFailed

Make = Callable[..., Mill]

DOCUMENTS = {"$source": {"documents": [{"n": 0}]}}
SEND = {"$https": {"connectionName": "out", "method": "POST"}}


@pytest.fixture
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory that is not in the data directory."""
    return tmp_path_factory.mktemp("secrets")


def to(endpoint: Endpoint, reference: str) -> Https:
    return Https(url=endpoint.url, headers={"x-api-key": reference})


def keys(endpoint: Endpoint) -> list[str]:
    return [request.headers["x-api-key"] for request in endpoint.requests]


def test_a_rotated_secret_is_taken_up_by_the_next_worker(
    mill: Make, endpoint: Endpoint, secrets: Path
) -> None:
    endpoint.answer = lambda _: Reply(204, b"")
    (secrets / "key").write_text("first\n")
    here = mill(references_file=str(secrets))
    reference = f"${{file:{secrets}/key}}"
    here.connect("out", to(endpoint, reference))
    processor = here.process(DOCUMENTS, SEND)
    wait_until(lambda: keys(endpoint) == ["first"], 30, "the first key")
    (secrets / "key").write_text("second\n")
    here.supervisor.stop(PROCESSOR)
    here.supervisor.start(processor, resume_from_checkpoint=False)
    wait_until(lambda: keys(endpoint) == ["first", "second"], 30, "the second key")
    with here.store.read() as session:
        workspace = session.workspace_by_id(WORKSPACE)
        assert workspace is not None
        kept: Any = session.connection(workspace, "out")
    assert kept.headers == {"x-api-key": reference}, "the reference is what is kept and shown"


def test_one_that_cannot_be_resolved_is_told_without_trying_for_ever(
    mill: Make, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTHER", "canary")
    here = mill(references_env="APP_")
    here.connect("out", to(endpoint, "${env:OTHER}"))
    with pytest.raises(ConnectionFailed, match=r"headers\.x-api-key: .*references_env") as caught:
        here.process(DOCUMENTS, SEND)
    assert "canary" not in str(caught.value)
    assert (here.processor.state, here.processor.error) == (State.FAILED, str(caught.value))
    assert not endpoint.requests


def test_one_that_may_come_is_waited_for(mill: Make, endpoint: Endpoint, secrets: Path) -> None:
    endpoint.answer = lambda _: Reply(204, b"")
    here = mill(references_file=str(secrets))
    here.connect("out", to(endpoint, f"${{file:{secrets}/key}}"))
    here.process(DOCUMENTS, SEND)
    assert here.processor.state is State.STARTED
    (secrets / "key").write_text("late")
    wait_until(lambda: keys(endpoint) == ["late"], 30, "the key")
