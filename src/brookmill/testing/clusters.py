"""MongoDB clusters of a test: each is a server in memory, started when the first client wants it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from typing import Any

from bson import ObjectId

from brookmill.clock import Clock
from brookmill.connections.cluster import Cluster
from brookmill.domain.connection import Connection
from brookmill.mql.values import Document, Value
from brookmill.testing.mongod import Mongod, mongod
from brookmill.testing.timeline import InvalidFlow, bson_value
from brookmill.testing.written import as_drivers_do

#: Documents by ``db.coll``.
Content = dict[str, list[Document]]


class Clusters(Mapping[str, str]):
    """URIs by cluster name, as ``Opening.clusters`` has them."""

    def __init__(self, content: Mapping[str, Content], clock: Clock) -> None:
        """``content``: what the clusters hold at first, by cluster name: all there are."""
        self._content = content
        self._clock = clock
        self._servers: dict[str, Mongod] = {}
        self._stack = ExitStack()

    def __getitem__(self, name: str) -> str:
        return self.server(name).uri

    def __iter__(self) -> Iterator[str]:
        return iter(self._content)

    def __len__(self) -> int:
        return len(self._content)

    def server(self, name: str) -> Mongod:
        """The server of a cluster, running. Raises KeyError."""
        if name not in self._servers:
            content = self._content[name]
            server = self._stack.enter_context(mongod(clock=self._clock))
            for namespace, documents in content.items():
                server.insert(namespace, *documents)
            self._servers[name] = server
        return self._servers[name]

    def initial(self, name: str) -> Content:
        """What a cluster held at first."""
        return self._content[name]

    def documents(self, name: str) -> Content:
        """What a cluster holds now."""
        if name not in self._servers:
            return self._content[name]
        server = self._servers[name]
        return {name: as_drivers_do(server.documents(name)) for name in server.namespaces}

    def close(self) -> None:
        """Stop all."""
        self._stack.close()


class Collections(dict[str, list[Document]]):
    """By ``db.coll``, and looked up also by ``connection.db.coll``, or nested so. As for the server, a
    collection that is not there is an empty one.
    """

    def __init__(self, plain: Content, qualified: Content) -> None:
        super().__init__(plain)
        self._qualified = qualified

    def __missing__(self, name: str) -> Any:
        if name in self._qualified:
            return self._qualified[name]
        plain, qualified = _below(name, self), _below(name, self._qualified)
        return Collections(plain, qualified) if plain or qualified else []

    def __contains__(self, name: object) -> bool:
        return super().__contains__(name) or name in self._qualified

    def get(self, name: str, default: Any = None) -> Any:
        """What ``[]`` gives; ``default`` where that would be made up."""
        if name not in self:
            return default
        return self[name]


def _below(name: str, content: Content) -> Content:
    return {ns[len(name) + 1 :]: documents for ns, documents in content.items() if ns.startswith(f"{name}.")}


def contents(given: Mapping[str, Any], connections: Mapping[str, Connection]) -> dict[str, Content]:
    """What ``collections`` of a test puts into which cluster: each name by cluster name.

    ``given``: documents by ``connection.db.coll``, by ``db.coll`` (then in every cluster), or nested so.
    Raises InvalidFlow.
    """
    clusters = {name: str(c.cluster_name) for name, c in connections.items() if isinstance(c, Cluster)}
    made: dict[str, Content] = {cluster: {} for cluster in clusters.values()}
    for name, documents in _flat("", given):
        if not clusters:
            raise InvalidFlow(f"the collection {name}: the pipeline has no Cluster connection")
        owner = next((c for c in clusters if name.startswith(f"{c}.") and "." in name[len(c) + 1 :]), None)
        namespace = name if owner is None else name[len(owner) + 1 :]
        if "." not in namespace:
            raise InvalidFlow(f"the collection {name} must be named database.collection")
        identified = [with_id(bson_value(document), i) for i, document in enumerate(documents)]
        for cluster in made if owner is None else [clusters[owner]]:
            made[cluster].setdefault(namespace, []).extend(identified)
    return made


def with_id(document: Value, number: int) -> Document:
    """The document with an ``_id``, for which a server would make one up; here ``number`` decides."""
    if not isinstance(document, dict):
        raise InvalidFlow(f"{document!r:.100} is no document")
    return document if "_id" in document else {"_id": ObjectId(f"{number:024x}"), **document}


def _flat(name: str, content: Any) -> Iterator[tuple[str, Sequence[Any]]]:
    if isinstance(content, Mapping):
        for part, inner in content.items():
            yield from _flat(f"{name}.{part}" if name else part, inner)
    elif isinstance(content, Sequence) and not isinstance(content, str | bytes):
        yield name, content
    else:
        raise InvalidFlow(f"the collection {name} must be a list of documents")
