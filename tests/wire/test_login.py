"""Logins: where users work, and that wrong ones are slow and tell nothing."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from typing import Any

import pytest
from pymongo.errors import OperationFailure
from wire_peer import peer
from wired import PASSWORD, Wire, refused, wired

from brookmill.domain.workspace import Workspace
from brookmill.wire.commands import login


@pytest.fixture(scope="module")
def wire(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wire]:
    """One of its own, to which workspaces may come."""
    with wired(tmp_path_factory.mktemp("login")) as running:
        yield running


@pytest.fixture
def second(wire: Wire) -> Iterator[Workspace]:
    made = wire.served.workspace()
    yield made
    with wire.served.store.write() as session:
        session.remove_workspace(made)


def wrong(wire: Wire, user: str) -> float:
    """Seconds until a wrong password is refused."""
    with peer(wire.address) as here:
        begun = time.monotonic()
        answer = here.log_in(user, "wrong")
        assert answer is not None
        assert answer["code"] == 18
        return time.monotonic() - begun


def measured(wire: Wire, times: int) -> tuple[list[float], list[float]]:
    """Seconds that a wrong password takes of somebody who exists, and of somebody who does not, in turn."""
    user = wire.user()
    pairs = [(wrong(wire, user), wrong(wire, "nobody")) for _ in range(times)]
    return [known for known, _ in pairs], [unknown for _, unknown in pairs]


def test_wrong_passwords_are_slow_and_even(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(login, "PAUSE", 0.15)
    known, unknown = measured(wire, 3)
    assert min(known + unknown) >= 0.15
    assert abs(statistics.median(known) - statistics.median(unknown)) < 0.1


@pytest.mark.slow
def test_nobody_learns_from_the_time_who_exists(wire: Wire) -> None:
    """At the true pause: what is left between the two is less than either varies by itself."""
    known, unknown = measured(wire, 30)
    assert min(known + unknown) >= login.PAUSE
    apart = abs(statistics.median(known) - statistics.median(unknown))
    spread = max(statistics.pstdev(known), statistics.pstdev(unknown))
    print(f"apart by {apart * 1e3:.3f} ms; each varies by {spread * 1e3:.3f} ms")
    assert apart < max(spread, 0.002)


def test_the_first_answer_comes_at_a_fixed_time(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether it stands alone or in hello, and whether the user exists."""
    monkeypatch.setattr(login, "GLANCE", 0.1)
    for user in (wire.user(), "nobody"):
        start = {"saslStart": 1, "mechanism": "SCRAM-SHA-256", "payload": f"n,,n={user},r=abc".encode()}
        hello = {"hello": 1, "speculativeAuthenticate": {**start, "db": "admin"}}
        for command in (start, hello):
            with peer(wire.address) as here:
                begun = time.monotonic()
                answer = here.ask({**command, "$db": "admin"})
                assert time.monotonic() - begun >= 0.1
                assert answer is not None
                assert answer["ok"] == 1.0
                assert "payload" in (answer if command is start else answer["speculativeAuthenticate"])


def test_nothing_tells_who_exists(wire: Wire) -> None:
    user = wire.user()

    def told(name: str) -> tuple[Any, ...]:
        with peer(wire.address) as here:
            hello = here.ask({"hello": 1, "saslSupportedMechs": f"admin.{name}", "$db": "admin"})
            start = {"saslStart": 1, "mechanism": "SCRAM-SHA-256", "payload": f"n,,n={name},r=abc".encode()}
            answers = [here.ask({**start, "$db": "admin"}) for _ in range(2)]
            assert hello is not None
            first, again = (bytes((one or {})["payload"]).split(b",") for one in answers)
            assert first[1:] == again[1:], "salt and iterations stay the same"
            return hello["saslSupportedMechs"], len(first[1]), first[2]

    assert told(user) == told("nobody")


def test_other_mechanisms_are_refused(wire: Wire) -> None:
    for mechanism in ("SCRAM-SHA-1", "PLAIN", "MONGODB-X509"):
        with peer(wire.address) as here:
            answer = here.ask({"saslStart": 1, "mechanism": mechanism, "payload": b"", "$db": "admin"})
            assert answer is not None
            assert (answer["code"], answer["codeName"]) == (334, "MechanismUnavailable")


def test_the_only_workspace_needs_no_name(wire: Wire) -> None:
    assert wire.client().admin.command("listStreamConnections", 1)["connections"]
    assert wire.client(authSource=wire.workspace.name).admin.command("listStreamConnections", 1)[
        "connections"
    ]


def test_one_of_several_is_named_by_auth_source(wire: Wire, second: Workspace) -> None:
    code, _, text = refused(wire.client().admin, "listStreamConnections", 1)
    assert code == 72
    assert text.startswith(f"there are several workspaces: {wire.workspace.name}, {second.name}. Name one")
    assert wire.client(authSource=wire.workspace.name).admin.command("listStreamConnections", 1)[
        "connections"
    ]
    assert not wire.client(authSource=second.name).admin.command("listStreamConnections", 1)["connections"]
    bound = wire.user(workspaces=(second.name,))
    assert not wire.client(bound).admin.command("listStreamConnections", 1)["connections"]


def test_workspaces_of_others_and_those_that_are_none_are_closed(
    wire: Wire, second: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(login, "PAUSE", 0.0)
    bound = wire.user(workspaces=(wire.workspace.name,))
    other = wire.served.workspace(wire.served.foreign)
    for source in (second.name, other.name, "nothing"):
        with pytest.raises(OperationFailure) as caught:
            wire.client(bound, authSource=source).admin.command("listStreamConnections", 1)
        assert caught.value.code == 18


def test_a_workspace_that_goes_is_told(wire: Wire) -> None:
    gone = wire.served.workspace()
    admin = wire.client(authSource=gone.name).admin
    assert admin.command("listWorkspaceDefaults", 1)["ok"]
    with wire.served.store.write() as session:
        session.remove_workspace(gone)
    assert (
        refused(admin, "listWorkspaceDefaults", 1)[2] == f"the workspace {gone.name} does not exist any more"
    )


def test_a_login_is_done_once_and_ends_with_logout(wire: Wire) -> None:
    user = wire.user()
    with peer(wire.address, user=user) as here:
        again = here.log_in(user, PASSWORD)
        assert again is not None
        assert again["code"] == 17
        assert (here.ask({"logout": 1, "$db": "admin"}) or {})["ok"] == 1.0
        assert (here.ask({"getLog": "startupWarnings", "$db": "admin"}) or {})["code"] == 13
