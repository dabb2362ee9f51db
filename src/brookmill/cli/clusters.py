"""``brookmill clusters``: which MongoDB stands behind a cluster name. A URI's password is never shown."""

from __future__ import annotations

import sys
from typing import Annotated
from urllib.parse import urlsplit

from cyclopts import App, Parameter

from brookmill.cli import Refused, show
from brookmill.cli.flags import HERE, Output, Place

app = App(name="clusters", help="The MongoDB clusters behind cluster names.")


@app.command
def add(name: str, uri: Annotated[str, Parameter(allow_leading_hyphen=True)], place: Place = HERE) -> None:
    """Let Cluster connections that name NAME reach the MongoDB at URI, or change the URI.

    Parameters
    ----------
    name
        What connections write as clusterName.
    uri
        mongodb:// or mongodb+srv:// URI; "-" reads it from standard input, out of the shell's history.
    """
    from brookmill.clock import SystemClock
    from brookmill.domain.cluster import Cluster
    from brookmill.domain.names import new_id
    from brookmill.domain.secret import Secret

    text = sys.stdin.readline().strip() if uri == "-" else uri
    _check(text)
    now = SystemClock().now()
    with place.store() as store, store.write() as session:
        session.put_cluster(Cluster(id=new_id(now), name=name, uri=Secret(text), created=now))


def _check(uri: str) -> None:
    """Raises Refused; its text has nothing of the URI: in a broken one a password may be anywhere."""
    from pymongo.errors import PyMongoError
    from pymongo.uri_parser import parse_uri

    if not uri.startswith(("mongodb://", "mongodb+srv://")) or not _hosts(uri):
        raise Refused("the URI must be mongodb://… or mongodb+srv://… with a host")
    try:
        if uri.startswith("mongodb://"):  # the other kind asks DNS, which may not answer here
            parse_uri(uri)
    except (PyMongoError, ValueError):
        raise Refused(
            "this is no MongoDB URI; are special characters of user and password %-encoded?"
        ) from None


@app.command(name="list")
def list_(place: Place = HERE, *, output: Output = "table") -> None:
    """Show the names and the hosts behind them."""
    with place.store() as store, store.read() as session:
        clusters = session.clusters()
    show.rows([{"name": c.name, "hosts": _hosts(c.uri.reveal())} for c in clusters], output)


def _hosts(uri: str) -> str:
    return urlsplit(uri).netloc.rpartition("@")[2]


@app.command
def remove(name: str, place: Place = HERE) -> None:
    """Forget a name; connections that use it can no longer be opened."""
    with place.store() as store, store.write() as session:
        if not session.remove_cluster(name):
            raise Refused(f"there is no cluster {name!r}")
