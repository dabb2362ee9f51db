"""``brookmill api``: every operation of the Admin API by its operationId, made from their registry."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import App, Parameter

from brookmill.cli import Unusable, document, show
from brookmill.cli.document import File
from brookmill.cli.remote import THERE, Reply, There
from brookmill.operations import OPERATIONS, Operation

app = App(name="api", help="Every operation of the Admin API, by its operationId.", version_flags=[])

#: Path parameters that are found out where they are not given.
_KNOWN = {
    "groupId": "Id of the project. May be left out when there is one.",
    "tenantName": "Name of the workspace. May be left out when there is one.",
}
_PAGES = ("itemsPerPage", "pageNum")

Version = Annotated[str | None, Parameter(help="Resource version, a date. Default: that of the operation.")]
To = Annotated[
    Path | None, Parameter(name=["--output-file", "--outputFile"], help="Where to put what is downloaded.")
]


def _command(operation: Operation) -> Callable[..., None]:
    """A function that asks for ``operation``, with a parameter for each of its own."""

    def ask(**given: Any) -> None:
        path = {name: given[own] for name, own in operation.arguments.items() if given.get(own)}
        query = {name: given[own] for own, name in _query(operation) if given.get(own) is not None}
        file, there = given.get("file"), given.get("there", THERE)
        body = None if file is None else document.value(file)
        with there.remote() as remote:
            reply = remote.ask(operation.id, path, query=query, body=body, version=given.get("version"))
        _tell(reply, given.get("output", "json"), given.get("to"))

    ask.__doc__ = (inspect.getdoc(operation.function) or operation.id).replace("``", "")
    ask.__signature__ = inspect.Signature(list(_parameters(operation)))  # type: ignore[attr-defined]
    ask.__annotations__ = {one.name: one.annotation for one in _parameters(operation)}
    return ask


def _query(operation: Operation) -> Iterator[tuple[str, str]]:
    """Python's name and the true one of every query parameter."""
    for name in (*operation.query, *(_PAGES if operation.paged else ())):
        yield f"query_{name}", name


def _parameters(operation: Operation) -> Iterator[inspect.Parameter]:
    for name, own in operation.arguments.items():
        flags = [f"--{name}", *(["--workspace", "-w"] if name == "tenantName" else [])]
        if name in _KNOWN:
            yield _flag(own, Annotated[str | None, Parameter(name=flags, help=_KNOWN[name])], None)
        else:
            yield _flag(own, Annotated[str, Parameter(name=flags)])
    for own, name in _query(operation):
        yield _flag(own, Annotated[str | None, Parameter(name=f"--{name}")], None)
    yield _flag("file", File | None, None)
    yield _flag("version", Version, None)
    yield _flag(
        "output", Annotated[Literal["json", "yaml", "table"], Parameter(name=["--output", "-o"])], "json"
    )
    yield _flag("to", To, None)
    yield _flag("there", There, THERE)


def _flag(name: str, annotation: Any, default: Any = inspect.Parameter.empty) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def _tell(reply: Reply, output: show.Form, to: Path | None) -> None:
    """JSON as it is asked for; anything else goes to a file, or as it is to whoever reads standard output."""
    if to is not None:
        to.write_bytes(reply.content)
    elif reply.value is not None:
        values = reply.value.get("results") if isinstance(reply.value, dict) else reply.value
        if output == "table" and isinstance(values, list):
            show.listed(values, _columns(values), output)
        else:
            show.one(reply.value, output)
    elif sys.stdout.isatty() and reply.content:
        raise Unusable("this is no text for a terminal: say --output-file")
    else:
        sys.stdout.flush()
        sys.stdout.buffer.write(reply.content)


def _columns(values: list[Any]) -> dict[str, str]:
    """Members that are plain values in all of them."""
    plain = [{n: n for n, v in one.items() if not isinstance(v, dict | list)} for one in values[:100]]
    names = {name: name for one in plain for name in one}
    return {name: name for name in names if name != "_id"} or names


for _one in OPERATIONS.values():
    app.command(_command(_one), name=[_one.id, *_one.aliases])
