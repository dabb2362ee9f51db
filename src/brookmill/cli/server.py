"""``brookmill serve``, and ``brookmill env`` for those who want to talk to it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from brookmill.cli import Refused
from brookmill.cli.flags import HERE, Place

if TYPE_CHECKING:
    from brookmill.app import Running


def serve(
    place: Place = HERE,
    *,
    http: str | None = None,
    wire: str | None = None,
    dev: bool | None = None,
    allow_private: bool | None = None,
    tls: Literal["off", "self-made", "own"] | None = None,
    tls_certificate: str | None = None,
    tls_key: str | None = None,
    lenient_versions: bool | None = None,
    log_format: Literal["auto", "console", "json"] | None = None,
    log_level: Literal["debug", "info", "warning", "error"] | None = None,
) -> None:
    """Run the server until SIGTERM or Ctrl-C.

    Parameters
    ----------
    http
        HOST:PORT to listen on; port 0 takes a free one. Default 127.0.0.1:8080.
    wire
        HOST:PORT for mongosh and drivers, or "off". Default: off, with --dev 127.0.0.1:27080.
    dev
        On first start, make one organization, project, API key, service account and database user.
    allow_private
        Connections may lead to loopback and private addresses. Default: with --dev only.
    tls
        "self-made" makes an authority and a certificate in the data directory; "own" takes the next two.
    tls_certificate
        PEM file with the certificate chain.
    tls_key
        PEM file with its key.
    lenient_versions
        Round unknown version dates down; let plain JSON mean the newest version.
    log_format
        Lines for people or JSON; "auto" looks whether standard error is a terminal.
    log_level
        The least that is logged.
    """
    from brookmill import app, logs

    settings = place.settings(
        http=http,
        wire=wire,
        dev=dev,
        allow_private=allow_private,
        tls=tls,
        tls_certificate=tls_certificate,
        tls_key=tls_key,
        lenient_versions=lenient_versions,
        log_format=log_format,
        log_level=log_level,
    )
    logs.configure(settings.log_level, settings.log_format)
    app.serve(settings, _announce)


def env(
    place: Place = HERE,
    *,
    output: Annotated[Literal["export", "json"], Parameter(name=["--output", "-o"])] = "export",
) -> None:
    """Print the variables by which Atlas clients find the running server and its --dev credentials.

    Use it as: eval "$(brookmill env)".

    Parameters
    ----------
    output
        Lines for a shell, or one JSON object.
    """
    import shlex

    import msgspec

    variables = _variables(place)
    if output == "json":
        print(msgspec.json.encode(variables).decode())
    else:
        print("\n".join(f"export {name}={shlex.quote(value)}" for name, value in variables.items()))


def _variables(place: Place) -> dict[str, str]:
    """By the names in which the clients read them. Raises StartError, Refused."""
    from brookmill.app import StartError, running
    from brookmill.store.seed import credentials

    data = Path(place.settings().data_dir)
    server, made = running(data), credentials(data)
    if server is None:
        raise StartError(f"no server runs on the data directory {data}; start one: brookmill serve --dev")
    if made is None:
        raise Refused("there are no development credentials: the server never ran with --dev. See: access")
    authority = data / "tls" / "ca.pem"
    tls = {"SSL_CERT_FILE": str(authority.resolve())} if server.http.startswith("https") else {}
    return (tls if authority.exists() else {}) | {
        "MONGODB_ATLAS_BASE_URL": server.http,
        "MONGODB_ATLAS_OPS_MANAGER_URL": f"{server.http}/",
        "MONGODB_ATLAS_PUBLIC_API_KEY": made.public_key,
        "MONGODB_ATLAS_PRIVATE_API_KEY": made.private_key.reveal(),
        "MONGODB_ATLAS_CLIENT_ID": made.client_id,
        "MONGODB_ATLAS_CLIENT_SECRET": made.client_secret.reveal(),
        "MONGODB_ATLAS_ORG_ID": made.org_id,
        "MONGODB_ATLAS_PROJECT_ID": made.project_id,
        "MDB_MCP_API_BASE_URL": f"{server.http}/",
        "MDB_MCP_API_CLIENT_ID": made.client_id,
        "MDB_MCP_API_CLIENT_SECRET": made.client_secret.reveal(),
    }


def _announce(server: Running) -> None:
    from brookmill import __version__

    print(f"Brookmill {__version__} listens on {server.http}", flush=True)
    if server.wire is not None:
        print(f"and for mongosh on {server.wire}: brookmill shell", flush=True)
    if sys.stdout.isatty():
        print("Credentials for clients: brookmill env. Ctrl-C stops.", flush=True)
