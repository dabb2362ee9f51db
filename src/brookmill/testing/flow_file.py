"""Flow files: pipelines, what goes in and what is expected to come out, in YAML or JSON.

A file is one case, or has ``cases``; then its other members hold for every case that does not say otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from brookmill.mql.ejson import loads
from brookmill.testing.timeline import InvalidFlow
from brookmill.yaml_text import parse_yaml

#: Names of files that are looked for in directories.
PATTERNS = ("*.flow.yaml", "*.flow.yml", "*.flow.json")
JSON = dict[str, Any]


class Expected(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is compared; what is left out is not.

    ``output``: all documents, exactly. ``topics``: all messages of all topics: documents, or objects with
    ``document``, ``key`` and ``headers``, of which those given count. ``collections``: the named ones.
    ``objects``: documents of all objects whose names begin with ``bucket/path/``.
    ``dead_letters``, ``requests``, ``calls``, ``stats``: the members given count. ``error``: a part of the
    text of the error with which the pipeline is refused or fails. ``unordered``: lists may come in any order.
    """

    output: list[Any] | UnsetType = UNSET
    topics: dict[str, list[Any]] | UnsetType = UNSET
    collections: dict[str, list[Any]] | UnsetType = UNSET
    dead_letters: list[Any] | UnsetType = UNSET
    objects: dict[str, list[Any]] | UnsetType = UNSET
    requests: list[Any] | UnsetType = UNSET
    calls: list[Any] | UnsetType = UNSET
    stats: JSON | UnsetType = UNSET
    error: str | UnsetType = UNSET
    unordered: bool = False


class Case(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Members are arguments of ``brookmill.testing.run``; ``description`` is for readers.

    ``expect`` UNSET: the case is there to be run by ``brookmill run``.
    """

    name: str = ""
    description: str = ""
    pipeline: list[Any]
    inputs: list[Any] | JSON | UnsetType = UNSET
    collections: JSON | UnsetType = UNSET
    topics: JSON | UnsetType = UNSET
    https: JSON | UnsetType = UNSET
    functions: JSON | UnsetType = UNSET
    connections: list[JSON] | dict[str, JSON] | UnsetType = UNSET
    clock: str | int | JSON | UnsetType = UNSET
    duration: str | float | JSON | UnsetType = UNSET
    stream_meta_field_name: str | UnsetType = UNSET
    strict: bool = True
    close_windows: bool = True
    unordered: bool = False
    expect: Expected | UnsetType = UNSET

    def arguments(self) -> dict[str, Any]:
        """Those of ``brookmill.testing.run`` that the case gives."""
        members = {name: getattr(self, name) for name in self.__struct_fields__ if name not in _OTHERS}
        return {name: value for name, value in members.items() if value is not UNSET}


_OTHERS = frozenset({"name", "description", "unordered", "expect"})


def read_flows(path: Path) -> list[Case]:
    """The cases of a file. Raises InvalidFlow with the file's name."""
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as e:
        raise InvalidFlow(f"{path}: {getattr(e, 'strerror', None) or e}") from e
    try:
        return list(_cases(parse_flow(text, "json" if path.suffix == ".json" else "yaml"), path))
    except ValueError as e:
        raise InvalidFlow(f"{path}: {e}") from e


def parse_flow(text: str, form: Literal["json", "yaml"]) -> Any:
    """What the text of a file holds. Raises ValueError."""
    return loads(text) if form == "json" else parse_yaml(text)


def _cases(content: Any, path: Path) -> Iterator[Case]:
    if not isinstance(content, dict):
        raise InvalidFlow(f"{path}: a flow file is an object with a pipeline, or with cases")
    shared = {name: value for name, value in content.items() if name != "cases"}
    if "cases" not in content:
        yield _case(shared, str(path))
        return
    cases = content["cases"]
    if not isinstance(cases, list) or not all(isinstance(case, dict) for case in cases):
        raise InvalidFlow(f"{path}: cases must be an array of objects")
    shared.pop("name", None)
    shared.pop("description", None)
    for number, case in enumerate(cases):
        yield _case({**shared, "name": f"case {number}", **case}, f"{path}: case {case.get('name', number)}")


def _case(content: JSON, where: str) -> Case:
    try:
        return msgspec.convert(content, Case)
    except msgspec.ValidationError as e:
        raise InvalidFlow(f"{where}: {e}") from e


def flow_files(paths: list[Path]) -> list[Path]:
    """The files among ``paths``, and those inside its directories whose names are those of flow files."""
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            found += sorted(file for pattern in PATTERNS for file in path.rglob(pattern))
        else:
            found.append(path)
    return found
