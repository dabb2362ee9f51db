"""Object expression operators."""

from __future__ import annotations

from brookmill.mql.errors import MQLError
from brookmill.mql.expression import operator
from brookmill.mql.values import Document, Value, nullish, type_name


@operator("$mergeObjects", result="object")
def merge_objects(*documents: Value) -> Value:
    if len(documents) == 1 and isinstance(documents[0], list):
        documents = tuple(documents[0])
    merged: Document = {}
    for document in documents:
        if nullish(document):
            continue
        if not isinstance(document, dict):
            raise MQLError(
                f"$mergeObjects requires object inputs, but input is of type {type_name(document)}", 40400
            )
        merged.update(document)
    return merged


@operator("$objectToArray", result="array")
def object_to_array(document: Value) -> Value:
    if nullish(document):
        return None
    if not isinstance(document, dict):
        raise MQLError(f"$objectToArray requires a document input, found: {type_name(document)}", 40390)
    return [{"k": name, "v": value} for name, value in document.items()]


@operator("$arrayToObject", result="object")
def array_to_object(array: Value) -> Value:
    if nullish(array):
        return None
    if not isinstance(array, list):
        raise MQLError(f"$arrayToObject requires an array input, found: {type_name(array)}", 40386)
    return dict(_member(item) for item in array)


def _member(item: Value) -> tuple[str, Value]:
    if isinstance(item, dict):
        if item.keys() != {"k", "v"}:
            raise MQLError("$arrayToObject requires an object with keys 'k' and 'v'", 40392)
        name, value = item["k"], item["v"]
    elif isinstance(item, list):
        if len(item) != 2:
            raise MQLError(
                f"$arrayToObject requires an array of size 2 arrays, found array of size: {len(item)}", 40397
            )
        name, value = item
    else:
        raise MQLError(f"Unrecognised input type format for $arrayToObject: {type_name(item)}", 40398)
    if not isinstance(name, str):
        raise MQLError(f"$arrayToObject requires keys of type string, found: {type_name(name)}", 40395)
    if "\0" in name:
        raise MQLError("Key field cannot contain an embedded null byte", 4940400)
    return name, value
