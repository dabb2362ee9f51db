"""``brookmill serve`` and ``brookmill env``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Literal

from brookmill.cli.flags import HERE, Place

if TYPE_CHECKING:
    from brookmill.app import Running


def serve(
    place: Place = HERE,
    *,
    http: str | None = None,
    dev: bool | None = None,
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
    dev
        On first start, make one organization, project, API key and service account.
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
        dev=dev,
        tls=tls,
        tls_certificate=tls_certificate,
        tls_key=tls_key,
        lenient_versions=lenient_versions,
        log_format=log_format,
        log_level=log_level,
    )
    logs.configure(settings.log_level, settings.log_format)
    app.serve(settings, _announce)


def _announce(server: Running) -> None:
    from brookmill import __version__

    print(f"Brookmill {__version__} listens on {server.http}", flush=True)
    if sys.stdout.isatty():
        print("Credentials for clients: brookmill env. Ctrl-C stops.", flush=True)
