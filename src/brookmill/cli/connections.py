"""``brookmill connections``: those of a workspace."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from cyclopts import App, Parameter

from brookmill.cli import Refused, Unusable, consent, document, show
from brookmill.cli.consent import Force
from brookmill.cli.document import File
from brookmill.cli.flags import Output
from brookmill.cli.remote import INSIDE, Inside, Remote

app = App(name="connections", help="Connections of a workspace.")

_COLUMNS = {"NAME": "name", "TYPE": "type", "STATE": "state", "REGION": "region"}
_EMPTY = "there is no connection yet"

Updates = Annotated[
    Literal["refuse", "next-start", "rolling"] | None,
    Parameter(help="What to do while started processors use it. Default: as the server is set."),
]


@app.command(name=["list", "ls"])
def list_(inside: Inside = INSIDE, *, output: Output = "table") -> None:
    """Show the connections of the workspace."""
    with inside.remote() as remote:
        show.listed(remote.all("listGroupStreamConnections"), _COLUMNS, output, empty=_EMPTY)


@app.command(name=["describe", "get"])
def describe(name: str, inside: Inside = INSIDE, *, output: Output = "table") -> None:
    """Show a connection; its secrets are told to nobody."""
    with inside.remote() as remote:
        show.one(remote.ask("getGroupStreamConnection", {"connectionName": name}).value, output)


@app.command
def create(name: str | None = None, inside: Inside = INSIDE, *, file: File, output: Output = "table") -> None:
    """Make a connection as the file says.

    Parameters
    ----------
    name
        Its name; instead of that in the file, if there is one.
    """
    body = document.document(file) | ({} if name is None else {"name": name})
    if "name" not in body:
        raise Unusable("a connection needs a NAME, here or in the file")
    with inside.remote() as remote:
        show.one(remote.ask("createGroupStreamConnection", body=body).value, output)


@app.command
def update(
    name: str,
    inside: Inside = INSIDE,
    *,
    file: File,
    updates: Updates = None,
    dry_run: bool = False,
    output: Output = "table",
) -> None:
    """Change the members of a connection that the file holds, and keep all others, secrets too.

    With --updates rolling, waits until every processor has taken it up; if one fails, all go back.

    Parameters
    ----------
    dry_run
        Keep nothing: test the connection as it would be.
    """
    body = {"name": name} | document.document(file)
    query = ({} if updates is None else {"updates": updates}) | ({"dryRun": "true"} if dry_run else {})
    with inside.remote() as remote:
        reply = remote.ask("updateGroupStreamConnection", {"connectionName": name}, body=body, query=query)
        if dry_run:
            _report(reply.value, output)
        else:
            _settled(remote, reply.value, reply.status, name, output)


@app.command(name=["delete", "rm"])
def delete(name: str, inside: Inside = INSIDE, *, force: Force = False) -> None:
    """Remove a connection that no started processor uses; rollback brings it back."""
    consent.ask(f"Remove the connection {name}?", force)
    with inside.remote() as remote:
        remote.ask("deleteGroupStreamConnection", {"connectionName": name})


@app.command(name="test")
def try_out(
    name: str | None = None,
    inside: Inside = INSIDE,
    *,
    file: File | None = None,
    output: Output = "table",
) -> None:
    """Test a connection step by step, from the name to a message; or one that the file describes.

    Exit status: 0 it leads there, 1 it does not.

    Parameters
    ----------
    name
        Of one that is kept.
    file
        A connection that is not kept; or with NAME, what to try of it, such as {"topic": "orders"}.
    """
    if name is None and file is None:
        raise Unusable("a NAME or a --file is needed")
    body = None if file is None else document.document(file)
    with inside.remote() as remote:
        if name is None:
            report = remote.ask("testGroupStreamConnectionUnsaved", body=body).value
        else:
            report = remote.ask("testGroupStreamConnection", {"connectionName": name}, body=body).value
    _report(report, output)


@app.command
def history(
    name: str, inside: Inside = INSIDE, *, revision: int | None = None, output: Output = "table"
) -> None:
    """Show who changed a connection, when, from where and what; newest first.

    Parameters
    ----------
    revision
        Show this one, with the whole connection as it was.
    """
    with inside.remote() as remote:
        if revision is not None:
            asked = {"connectionName": name, "revision": str(revision)}
            show.one(remote.ask("getGroupStreamConnectionRevision", asked).value, output)
            return
        found = remote.all("listGroupStreamConnectionRevisions", {"connectionName": name})
    show.rows([_revision(one) for one in found] if output == "table" else found, output)


@app.command
def rollback(
    name: str, revision: int, inside: Inside = INSIDE, *, updates: Updates = None, output: Output = "table"
) -> None:
    """Make a connection what it was in a revision, secrets too; a deleted one comes back."""
    query = {} if updates is None else {"updates": updates}
    asked = {"connectionName": name, "revision": str(revision)}
    with inside.remote() as remote:
        reply = remote.ask("rollBackGroupStreamConnection", asked, query=query)
        _settled(remote, reply.value, reply.status, name, output)


@app.command
def used_by(name: str, inside: Inside = INSIDE, *, output: Output = "table") -> None:
    """Show which processors and stages use a connection, and how long its certificates and tokens last."""
    with inside.remote() as remote:
        found = remote.ask("getGroupStreamConnectionUsedBy", {"connectionName": name}).value
    if output != "table":
        show.value(found, output)
        return
    show.rows([_use(one) for one in found["processors"]], output, empty=f"nobody uses {name}")
    for one in [*found["certificates"], *found["tokens"]]:
        print(f"{one['member']}: {one['state']}, until {one['notAfter']} ({one['daysLeft']} days)")


def _use(one: dict[str, Any]) -> dict[str, object]:
    stages = [f"{stage['path']} {stage['stage']}" for stage in one["stages"]]
    return {
        "PROCESSOR": one["name"],
        "STATE": one["state"],
        "STAGES": [*stages, *(["dead letters"] if one["deadLetters"] else [])],
    }


def _revision(one: dict[str, Any]) -> dict[str, object]:
    changes = [change["path"] for change in one.get("changes", [])]
    whole = one["action"] in {"CREATE", "DELETE"}
    return {
        "REVISION": one["number"],
        "WHEN": one["createdAt"],
        "ACTION": one["action"],
        "BY": one["by"]["name"] or one["by"]["kind"],
        "FROM": one["from"]["address"] or None,
        "CHANGED": "everything" if whole else changes,
    }


def _report(report: dict[str, Any], output: show.Form) -> None:
    """The steps of a test. Raises Refused when one of them failed."""
    if output != "table":
        show.value(report, output)
    else:
        for step in report["steps"]:
            print(_step(step))
    if not report["ok"]:
        raise Refused("the connection does not lead there")


def _step(step: dict[str, Any]) -> str:
    good = step["code"] == "OK"
    mark = show.painted("✓", 32) if good else show.painted("✗", 31)
    told = (step.get("message"), step.get("hint")) if not good else (step.get("message"),)
    text = " ".join(show.printable(str(part)) for part in told if part)
    return f"{mark} {step['step']}: {'ok' if good else step['code']}{f': {text}' if text else ''}"


def _settled(remote: Remote, value: Any, status: int, name: str, output: show.Form) -> None:
    """The connection, once a rollout of the change has ended, if one has begun. Raises Refused."""
    from brookmill.cli import rollout

    if status == 202:
        rollout.follow(remote, value)
        value = remote.ask("getGroupStreamConnection", {"connectionName": name}).value
    show.one(value, output)
