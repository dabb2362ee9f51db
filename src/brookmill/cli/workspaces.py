"""``brookmill workspaces``: those of a project."""

from __future__ import annotations

from typing import Annotated, Any

from cyclopts import App, Parameter

from brookmill.cli import Unusable, consent, document, show
from brookmill.cli.consent import Force
from brookmill.cli.document import File
from brookmill.cli.flags import Output
from brookmill.cli.remote import THERE, There

app = App(name="workspaces", help="Workspaces (once: instances) of a project.")

_COLUMNS = {
    "NAME": "name",
    "CLOUD": "dataProcessRegion.cloudProvider",
    "REGION": "dataProcessRegion.region",
    "TIER": "streamConfig.tier",
    "ID": "_id",
}
_EMPTY = "there is no workspace yet"

Tier = Annotated[str | None, Parameter(help="Default tier of its processors: SP2, SP5, SP10, SP30 or SP50.")]


@app.command(name=["list", "ls"])
def list_(there: There = THERE, *, output: Output = "table") -> None:
    """Show the workspaces of the project."""
    with there.remote() as remote:
        show.listed(remote.all("listGroupStreamWorkspaces"), _COLUMNS, output, empty=_EMPTY)


@app.command(name=["describe", "get"])
def describe(name: str, there: There = THERE, *, output: Output = "table") -> None:
    """Show a workspace with its connections."""
    with there.remote(name) as remote:
        show.one(remote.ask("getGroupStreamWorkspace", query={"includeConnections": "true"}).value, output)


@app.command
def create(
    name: str | None = None,
    there: There = THERE,
    *,
    file: File | None = None,
    provider: str | None = None,
    region: str | None = None,
    tier: Tier = None,
    sample: bool = False,
    output: Output = "table",
) -> None:
    """Make a workspace.

    Parameters
    ----------
    name
        Its name; instead of that in the file, if there is one.
    provider
        Cloud whose names of regions are meant: AWS, AZURE or GCP. Default: AWS.
    region
        Name of a region there. Default: VIRGINIA_USA.
    sample
        With a connection to every sample.
    """
    body: dict[str, Any] = {} if file is None else document.document(file)
    body |= {} if name is None else {"name": name}
    if "name" not in body:
        raise Unusable("a workspace needs a NAME")
    place = body.setdefault("dataProcessRegion", {"cloudProvider": "AWS", "region": "VIRGINIA_USA"})
    if isinstance(place, dict):
        place |= {} if provider is None else {"cloudProvider": provider}
        place |= {} if region is None else {"region": region}
    if tier is not None:
        body["streamConfig"] = {"tier": tier}
    operation = "withGroupStreamSampleConnections" if sample else "createGroupStreamWorkspace"
    with there.remote() as remote:
        show.one(remote.ask(operation, body=body).value, output)


@app.command
def update(
    name: str,
    there: There = THERE,
    *,
    file: File | None = None,
    provider: str | None = None,
    region: str | None = None,
    tier: Tier = None,
    output: Output = "table",
) -> None:
    """Change a workspace: what the file holds, or the flags say.

    Parameters
    ----------
    provider
        Cloud of the region: AWS, AZURE or GCP.
    region
        Name of a region there.
    """
    body: dict[str, Any] = {} if file is None else document.document(file)
    body |= {} if provider is None else {"cloudProvider": provider}
    body |= {} if region is None else {"region": region}
    body |= {} if tier is None else {"streamConfig": {"tier": tier}}
    if not body:
        raise Unusable("there is nothing to change: name a --file, --region or --tier")
    with there.remote(name) as remote:
        if "region" in body and "cloudProvider" not in body:
            kept = remote.ask("getGroupStreamWorkspace").value
            body["cloudProvider"] = kept["dataProcessRegion"]["cloudProvider"]
        show.one(remote.ask("updateGroupStreamWorkspace", body=body).value, output)


@app.command(name=["delete", "rm"])
def delete(name: str, there: There = THERE, *, force: Force = False) -> None:
    """Remove a workspace that has no processors, and its connections with it."""
    consent.ask(f"Remove the workspace {name} with all its connections?", force)
    with there.remote(name) as remote:
        remote.ask("deleteGroupStreamWorkspace")
