"""``brookmill shell``: the user's own mongosh, connected and logged in."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import quote_plus, urlsplit, urlunsplit

from cyclopts import Parameter

from brookmill.cli import Refused
from brookmill.cli.flags import HERE, Place

if TYPE_CHECKING:
    from ssl import SSLContext

    from brookmill.domain.secret import Secret

#: What mongosh shows when it is connected to Atlas; it knows that by a host name that nobody may use for us.
_PROMPT = 'void (prompt = "AtlasStreamProcessing> ")'


def shell(
    *arguments: Annotated[str, Parameter(allow_leading_hyphen=True)],
    place: Place = HERE,
    workspace: str | None = None,
    user: str | None = None,
    print_uri: bool = False,
) -> None:
    """Start mongosh on the running server, as the database user of --dev unless you name another.

    Parameters
    ----------
    arguments
        Whatever else mongosh is to be told, e.g. --eval 'sp.listConnections()' or a script.
    workspace
        Which one to work in. May be left out when there is one; --dev makes one when there is none.
    user
        Another database user; mongosh asks for the password.
    print_uri
        Print the connection string instead, for drivers and other shells.
    """
    from brookmill.app import StartError, running
    from brookmill.store.seed import credentials

    data = Path(place.settings().data_dir)
    server, made = running(data), credentials(data)
    if server is None or server.wire is None:
        what = "no server" if server is None else "no server that speaks the MongoDB protocol"
        raise StartError(f"{what} runs on the data directory {data}; start one: brookmill serve --dev")
    if user is None and made is None:
        raise Refused("name a database user with --user; see: brookmill access users add")
    secret = made.db_password if user is None and made is not None else None
    name = user or (made.db_user if made is not None else "")
    mongosh = None if print_uri else _mongosh()
    if user is None:
        workspace = _workspace(data, server.http, workspace)
    uri = _uri(server.wire, name, secret, workspace)
    if mongosh is None:
        print(uri)
    else:
        _run(_command(mongosh, uri, data, arguments))


def _uri(wire: str, user: str, password: Secret | None, workspace: str | None) -> str:
    """The URI of the wire door with who logs in, and where."""
    parts = urlsplit(wire)
    login = quote_plus(user) + ("" if password is None else f":{quote_plus(password.reveal())}")
    options = [parts.query, f"authSource={quote_plus(workspace or 'admin')}"]
    query = "&".join(option for option in options if option)
    return urlunsplit(parts._replace(netloc=f"{login}@{parts.netloc}", query=query))


def _workspace(data: Path, http: str, named: str | None) -> str | None:
    """The one to log in to, None for whichever there is; a server without any gets one, with samples.

    Raises Refused when there is none of the name ``named``.
    """
    import httpx

    from brookmill.store.seed import credentials

    made = credentials(data)
    assert made is not None
    authority = data / "tls" / "ca.pem"
    with httpx.Client(
        base_url=f"{http}/api/atlas/v2/groups/{made.project_id}",
        auth=httpx.DigestAuth(made.public_key, made.private_key.reveal()),
        headers={"Accept": "application/vnd.atlas.2024-08-05+json"},
        verify=_trusting(authority),
    ) as client:
        known = client.get("/streams", params={"itemsPerPage": 500}).raise_for_status().json()["results"]
        names = [workspace["name"] for workspace in known]
        if named is not None and named not in names:
            raise Refused(f"there is no workspace {named}; there are: {', '.join(names) or 'none'}")
        if names:
            return named
        region = {"cloudProvider": "AWS", "region": "VIRGINIA_USA"}
        body = {"name": "dev", "dataProcessRegion": region}
        client.post("/streams:withSampleConnections", json=body).raise_for_status()
    print("made the workspace dev, with sample connections", file=sys.stderr)
    return "dev"


def _trusting(authority: Path) -> SSLContext | bool:
    import ssl

    return ssl.create_default_context(cafile=str(authority)) if authority.exists() else True


def _mongosh() -> str:
    """Where it is. Raises Refused."""
    found = shutil.which("mongosh")
    if found is None:
        raise Refused("there is no mongosh on the PATH; get it from MongoDB, or: npm install -g mongosh")
    return found


def _command(mongosh: str, uri: str, data: Path, arguments: tuple[str, ...]) -> list[str]:
    """mongosh with all it needs; the prompt only where it will be seen."""
    command = [mongosh, uri]
    authority = data / "tls" / "ca.pem"
    if "tls=true" in uri and authority.exists():
        command += ["--tlsCAFile", str(authority)]
    return [*command, *(arguments or ("--eval", _PROMPT, "--shell"))]


def _run(command: list[str]) -> None:
    """In our place: signals and the terminal are mongosh's from now on."""
    sys.stdout.flush()
    os.execv(command[0], command)  # noqa: S606
