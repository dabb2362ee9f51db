"""The test of a Cluster connection: its servers, the login, a collection, one document of it."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from msgspec import UNSET
from pymongo.errors import ConfigurationError, InvalidURI
from pymongo.uri_parser import parse_uri

from brookmill.config import Outside
from brookmill.connections import Opening
from brookmill.connections.cluster.client import Client, connected, invalid, leave, uri_of
from brookmill.connections.cluster.namespace import collection_problem, database_problem
from brookmill.connections.cluster.probe_options import ClusterProbe
from brookmill.connections.cluster.trouble import told
from brookmill.connections.egress import resolve
from brookmill.connections.ladder import Ladder
from brookmill.connections.reach import Place, reach
from brookmill.errors import ConnectionFailed
from brookmill.mql.size import bson_size

if TYPE_CHECKING:
    from brookmill.connections.cluster import Cluster

_PORT = 27017
#: Seconds for the name server that knows the members of a mongodb+srv URI.
_LOOK_UP = 5.0


def probe(connection: Cluster, options: ClusterProbe, opening: Opening, ladder: Ladder) -> None:
    """Raises ConnectionFailed."""
    with ladder.step("settings") as seen:
        _check(options)
        places, context = _servers(connection, opening)
        seen["servers"] = [str(place) for place in places]
    # The operator himself has named these servers: they may be anywhere (ADR 0011).
    reach(places, opening, ladder, context, own_certificate=True, judge=_resolved)
    with ladder.step("authenticate") as seen:
        client = connected(connection, opening)
        seen["topology"] = client.topology_description.topology_type_name
    try:
        _climb(client, options, ladder)
    finally:
        leave(client)


def _climb(client: Client, options: ClusterProbe, ladder: Ladder) -> None:
    db, coll = options.db, options.coll
    if db is UNSET:
        return
    name = db if coll is UNSET else f"{db}.{coll}"
    with ladder.step("authorize") as seen, told(f"Could not look at {name}"):
        wanted: dict[str, Any] = {} if coll is UNSET else {"filter": {"name": coll}}
        seen["collections"] = len(client[db].list_collection_names(**wanted))
        if not seen["collections"]:
            raise ConnectionFailed(f"there is no {name} in the cluster", retry=False, fault="NOT_FOUND")
    if coll is UNSET:
        return
    with ladder.step("read") as seen, told(f"Could not read {name}"):
        document = client[db][coll].find_one()
        seen["documents"] = 0 if document is None else 1
    if document is not None:
        with ladder.step("decode") as seen:
            seen.update(fields=len(document), bytes=bson_size(document))


def _check(options: ClusterProbe) -> None:
    problem = None if options.db is UNSET else database_problem(options.db)
    if options.coll is not UNSET:
        problem = problem or collection_problem(options.coll)
        problem = problem or ("coll needs db" if options.db is UNSET else None)
    if problem is not None:
        raise invalid(problem)


def _servers(connection: Cluster, opening: Opening) -> tuple[list[Place], ssl.SSLContext]:
    """Where the URI leads, and how TLS is spoken there."""
    uri = uri_of(connection, opening)
    try:
        parsed = parse_uri(uri, _PORT, connect_timeout=opening.patience(_LOOK_UP))
        options = {name.lower(): value for name, value in parsed["options"].items()}
        secure = bool(options.get("tls", options.get("ssl", False)))
        places = [Place(host, port or _PORT, secure) for host, port in parsed["nodelist"]]
        return places, _context(options)
    except OSError:
        text = f"a certificate file in the URI of the cluster {connection.cluster_name} cannot be read"
        raise invalid(text) from None
    except (InvalidURI, ConfigurationError, ValueError, TypeError):
        text = f"the URI of the cluster {connection.cluster_name} is not valid, or its name has no servers"
        raise invalid(text) from None  # the client's own words may repeat the URI, password and all


def _context(options: Mapping[str, Any]) -> ssl.SSLContext:
    """As the client makes it of the URI's options."""
    context = ssl.create_default_context(cafile=options.get("tlscafile"))
    if file := options.get("tlscertificatekeyfile"):
        context.load_cert_chain(file, password=options.get("tlscertificatekeyfilepassword"))
    believing = options.get("tlsinsecure") or options.get("tlsallowinvalidcertificates")
    if believing or options.get("tlsallowinvalidhostnames"):
        context.check_hostname = False
    if believing:
        context.verify_mode = ssl.CERT_NONE
    return context


def _resolved(host: str, port: int, _: Outside) -> list[str]:
    try:
        return resolve(host, port)
    except (OSError, ValueError) as e:
        raise ConnectionFailed(f"the host {host} has no address", fault="NO_ADDRESS") from e
