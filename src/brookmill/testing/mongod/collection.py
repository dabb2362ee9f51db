"""A collection: documents by ``_id``, their indexes, their rules, and the record of each change."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Iterator
from typing import Any

import bson
from bson import ObjectId

from brookmill.mql.compare import order_key
from brookmill.mql.filter import Filter, parse_filter
from brookmill.mql.values import Document, Value, storable, type_name
from brookmill.testing.mongod.errors import CommandError, duplicate_key
from brookmill.testing.mongod.index import Index, Key
from brookmill.testing.mongod.oplog import Oplog
from brookmill.testing.mongod.query import Query
from brookmill.wire.message import CODEC

#: Largest document, in bytes.
MAX_DOCUMENT = 16 * 1024 * 1024


class Collection:
    """``options``: as ``create`` took them. Documents are never changed, only put in place of each other."""

    def __init__(self, database: str, name: str, oplog: Oplog, options: Document) -> None:
        self.database = database
        self.name = name
        self.options = options
        self.id = uuid.uuid4()
        self.documents: dict[Key, Document] = {}
        self.indexes: dict[str, Index] = {}
        self._numbers = itertools.count()
        self._oplog = oplog
        self._validator: Filter | None = None
        self.configure(options)
        if self.time_field is None:
            self.index({"v": 2, "key": {"_id": 1}, "name": "_id_"})

    @property
    def namespace(self) -> str:
        return f"{self.database}.{self.name}"

    @property
    def time_field(self) -> str | None:
        """Of a time-series collection."""
        series = self.options.get("timeseries")
        return series["timeField"] if series else None

    @property
    def keeps_images(self) -> bool:
        """Whether changes are recorded with the documents before and after."""
        return bool(self.options.get("changeStreamPreAndPostImages", {}).get("enabled"))

    def configure(self, options: Document) -> None:
        """Take ``options`` over those there are. Raises PlanError for a validator that is no filter."""
        validator = options.get("validator", self.options.get("validator"))
        parsed = parse_filter(validator) if validator else None
        self.options, self._validator = {**self.options, **options}, parsed

    def index(self, spec: Document) -> None:
        """Make an index of all documents. Raises CommandError when a unique one is impossible."""
        partial = spec.get("partialFilterExpression")
        index = Index(spec, None if partial is None else parse_filter(partial))
        for key, document in self.documents.items():
            self._refuse_clash(index, key, document)
            index.add(key, document)
        self.indexes[index.name] = index

    def find(self, query: Query) -> Iterator[Document]:
        """The documents that pass, in the order they came."""
        return (document for document in self._candidates(query) if query.matches(document))

    def _candidates(self, query: Query) -> list[Document]:
        if query.ids is not None and self.time_field is None:
            keys = sorted({order_key(value) for value in query.ids})
            return [self.documents[key] for key in keys if key in self.documents]
        equal = query.equalities
        if equal:
            for index in self.indexes.values():
                ids = index.ids(equal)
                if ids is not None:
                    return [self.documents[key] for key in ids]
        return list(self.documents.values())

    def insert(self, document: Document) -> Document:
        """Store a new document, with an ``_id`` in front if it has none. Raises CommandError."""
        document = storable({"_id": document.get("_id", ObjectId()), **document})
        self._check(document)
        key = order_key(document["_id"])
        if self.time_field is not None:
            key = (next(self._numbers), key)  # measurements may share an _id
        self._put(key, document)
        self._record("insert", document, document=document)
        return document

    def replace(self, old: Document, new: Document, description: Document | None) -> Document:
        """Put ``new`` in the place of ``old``. ``description``: of the update; None: of a replacement."""
        new = storable(new)
        if order_key(old["_id"]) != order_key(new.get("_id")):
            text = "After applying the update, the (immutable) field '_id' was found to have been altered"
            raise CommandError(text, 66)
        self._check(new)
        self._put(order_key(old["_id"]), new, old)
        images = {"before": old, "after": new} if self.keeps_images else {}
        if description is None:
            self._record("replace", new, document=new, **images)
        else:
            self._record("update", new, description=description, **images)
        return new

    def delete(self, document: Document) -> None:
        key = order_key(document["_id"])
        if self.time_field is not None:
            key = next(key for key, one in self.documents.items() if one is document)
        del self.documents[key]
        for index in self.indexes.values():
            index.remove(key, document)
        self._record("delete", document, **({"before": document} if self.keeps_images else {}))

    def _put(self, key: Key, document: Document, old: Document | None = None) -> None:
        for index in self.indexes.values():
            self._refuse_clash(index, key, document, new=old is None)
        for index in self.indexes.values():
            if old is not None:
                index.remove(key, old)
            index.add(key, document)
        self.documents[key] = document

    def _refuse_clash(self, index: Index, key: Key, document: Document, *, new: bool = False) -> None:
        clash = index.clash(key, document)
        if clash is None and new and index.name == "_id_" and key in self.documents:
            clash = {"_id": document["_id"]}
        if clash is not None:
            raise duplicate_key(self.namespace, index.name, index.pattern, clash)

    def _check(self, document: Document) -> None:
        if type_name(document["_id"]) in ("array", "regex"):
            raise CommandError(f"The '_id' value cannot be of type {type_name(document['_id'])}", 53)
        size = len(bson.encode(document, codec_options=CODEC))
        if size > MAX_DOCUMENT:
            raise CommandError(
                f"object to insert too large. size in bytes: {size}, max: {MAX_DOCUMENT}", 10334
            )
        if self.time_field is not None and type_name(document.get(self.time_field)) != "date":
            text = f"'{self.time_field}' must be present and contain a valid BSON UTC datetime value"
            raise CommandError(text, 2)
        if self._validator is None or self.options.get("validationAction") == "warn":
            return
        if not self._validator.matches({"ROOT": document, "CURRENT": document}):
            details = {"operatorName": next(iter(self.options["validator"]), "")}
            info = {"failingDocumentId": document["_id"], "details": details}
            raise CommandError("Document failed validation", 121, errInfo=info)

    def _record(self, operation: str, changed: Document, **rest: Any) -> None:
        if self.time_field is not None:
            return  # change streams do not see time-series collections
        key: dict[str, Value] = {"_id": changed["_id"]}
        self._oplog.record(operation, self.database, self.name, collection_id=self.id, key=key, **rest)
