"""``brookmill processors``: the stream processors of a workspace."""

from __future__ import annotations

from typing import Annotated, Any

from cyclopts import App, Parameter

from brookmill.cli import Unusable, consent, document, show
from brookmill.cli.consent import Force
from brookmill.cli.document import File
from brookmill.cli.flags import Output
from brookmill.cli.remote import INSIDE, Inside

app = App(name="processors", help="Stream processors of a workspace.")
app.command("brookmill.cli.cases:check", name="test", help="Test pipelines as flow files say.")
app.command("brookmill.cli.terminal:run", name="run", help="Play a pipeline to the terminal.")
app.command("brookmill.cli.statistics:stats", name="stats", help="Show what processors have done, and do.")
app.command("brookmill.cli.samples:sample", name="sample", help="Show documents that leave a processor.")

_COLUMNS = {
    "NAME": "name",
    "STATE": "state",
    "TIER": "effectiveTier",
    "IN": "stats.inputMessageCount",
    "OUT": "stats.outputMessageCount",
    "DEAD LETTERS": "stats.dlqMessageCount",
}
_EMPTY = "there is no processor yet"

Tier = Annotated[str | None, Parameter(help="SP2, SP5, SP10, SP30 or SP50.")]


@app.command(name=["list", "ls"])
def list_(inside: Inside = INSIDE, *, output: Output = "table") -> None:
    """Show the processors of the workspace; counts are of those that are started."""
    with inside.remote() as remote:
        show.listed(remote.all("getGroupStreamProcessors"), _COLUMNS, output, empty=_EMPTY)


@app.command(name=["describe", "get"])
def describe(name: str, inside: Inside = INSIDE, *, output: Output = "table") -> None:
    """Show a processor with its pipeline and statistics."""
    with inside.remote() as remote:
        show.one(remote.ask("getGroupStreamProcessor", {"processorName": name}).value, output)


@app.command
def create(
    name: str | None = None,
    inside: Inside = INSIDE,
    *,
    file: File,
    tier: Tier = None,
    start: bool = False,
    output: Output = "table",
) -> None:
    """Make a processor.

    Parameters
    ----------
    name
        Its name; instead of that in the file, if there is one.
    file
        A processor, or only its pipeline; JSON or YAML, "-" is standard input.
    start
        Start it too.
    """
    body = _sent(file) | ({} if name is None else {"name": name}) | ({} if tier is None else {"tier": tier})
    if "name" not in body:
        raise Unusable("a processor needs a NAME, here or in the file")
    with inside.remote() as remote:
        made = remote.ask("createGroupStreamProcessor", body=body).value
        if start:
            remote.ask("startGroupStreamProcessor", {"processorName": made["name"]})
            made = remote.ask("getGroupStreamProcessor", {"processorName": made["name"]}).value
    show.one(made, output)


@app.command
def start(
    name: str,
    inside: Inside = INSIDE,
    *,
    tier: Tier = None,
    resume: Annotated[bool, Parameter(help="Go on at the checkpoint, or begin anew.")] = True,
    file: File | None = None,
) -> None:
    """Start a processor where its checkpoint left off.

    Parameters
    ----------
    file
        More options, as startGroupStreamProcessorWith takes them.
    """
    body: dict[str, Any] = {} if file is None else document.document(file)
    body |= {} if tier is None else {"tier": tier}
    body |= {} if resume else {"resumeFromCheckpoint": False}
    with inside.remote() as remote:
        if body:
            remote.ask("startGroupStreamProcessorWith", {"processorName": name}, body=body)
        else:
            remote.ask("startGroupStreamProcessor", {"processorName": name})


@app.command
def stop(name: str, inside: Inside = INSIDE) -> None:
    """Stop a processor after a last checkpoint."""
    with inside.remote() as remote:
        remote.ask("stopGroupStreamProcessor", {"processorName": name})


@app.command(name=["modify", "update"])
def modify(
    name: str,
    inside: Inside = INSIDE,
    *,
    file: File | None = None,
    tier: Tier = None,
    rename: Annotated[str | None, Parameter(help="Another name for it.")] = None,
    resume: Annotated[bool, Parameter(help="Keep the checkpoint, or drop it.")] = True,
    output: Output = "table",
) -> None:
    """Change a processor that is not started.

    Parameters
    ----------
    file
        The members to change, or only a pipeline; JSON or YAML, "-" is standard input.
    """
    body: dict[str, Any] = {} if file is None else _sent(file)
    body |= ({} if tier is None else {"tier": tier}) | ({} if rename is None else {"name": rename})
    if not resume:
        body["options"] = {**body.get("options", {}), "resumeFromCheckpoint": False}
    if not body:
        raise Unusable("there is nothing to change: name a --file, --tier or --rename")
    with inside.remote() as remote:
        show.one(remote.ask("updateGroupStreamProcessor", {"processorName": name}, body=body).value, output)


@app.command(name=["delete", "drop", "rm"])
def delete(name: str, inside: Inside = INSIDE, *, force: Force = False) -> None:
    """Stop a processor and remove it with its state."""
    consent.ask(f"Remove the processor {name} with its state?", force)
    with inside.remote() as remote:
        remote.ask("deleteGroupStreamProcessor", {"processorName": name})


@app.command
def explain(name: str, inside: Inside = INSIDE, *, code: bool = False, output: Output = "table") -> None:
    """Show why nothing comes out of a processor, if so: what holds it, by which numbers, and what to do.

    Parameters
    ----------
    code
        Show the generated Python too.
    """
    query = {"code": "true"} if code else {}
    with inside.remote() as remote:
        found = remote.ask("explainGroupStreamProcessor", {"processorName": name}, query=query).value
    if output != "table":
        show.value(found, output)
        return
    print(f"{show.bold(found['name'])} {found['state']}")
    for held in found["held"]:
        print(show.painted(f"{held['code']} at {held['path']}" if "path" in held else held["code"], 33))
        print(f"  {show.printable(held['text'])}")
        print(f"  → {held['remedy']}")
    if not found["held"]:
        print("nothing is held")
    _plan(found)


def _plan(found: dict[str, Any]) -> None:
    from brookmill.cli.explain import tell

    print()
    if "plan" in found:
        tell(found["plan"] | {"pipeline": "plan", **({"code": found["code"]} if "code" in found else {})})
    else:
        print(f"it cannot be planned any more: {show.printable(found['problem'])}")


def _sent(file: File) -> dict[str, Any]:
    """A body; that of a file with nothing but a pipeline has only this member."""
    found = document.value(file)
    return {"pipeline": found} if isinstance(found, list) else document.document_of(found, file)
