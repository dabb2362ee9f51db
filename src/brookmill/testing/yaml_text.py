"""YAML as JSON with less punctuation: keys are texts, dates stay texts, only true and false are booleans."""

from __future__ import annotations

import re
from collections.abc import Hashable
from typing import Any

import yaml

_TAG = "tag:yaml.org,2002:"
#: YAML 1.2's core schema. YAML 1.1 would read the ``on`` of ``$merge`` as true and texts as dates.
_SCHEMA = [
    ("null", r"~|null|Null|NULL|", "~nN\0"),
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?[0-9]+", "-+0123456789"),
    ("float", r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.inf|\.nan", "-+.0123456789"),
]


class _Loader(yaml.SafeLoader):
    """Plain values by ``_SCHEMA``; a key that comes twice, or is no text, is an error."""

    yaml_implicit_resolvers: dict[str, Any] = {"<": [(f"{_TAG}merge", re.compile("<<"))]}

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Hashable, Any]:
        seen = set()
        for key, _ in node.value:
            if key.tag != f"{_TAG}merge":
                if key.value in seen:
                    raise yaml.constructor.ConstructorError(
                        None, None, f"the key {key.value!r} comes twice", key.start_mark
                    )
                seen.add(key.value)
                key.tag = f"{_TAG}str"
        return super().construct_mapping(node, deep)


for _name, _pattern, _first in _SCHEMA:
    _regex = re.compile(f"^(?:{_pattern})$")
    _Loader.add_implicit_resolver(f"{_TAG}{_name}", _regex, ["" if c == "\0" else c for c in _first])


_Loader.add_constructor(f"{_TAG}int", lambda _, node: int(node.value))
_Loader.add_constructor(
    f"{_TAG}float", lambda _, node: float(node.value.lower().replace(".inf", "inf").replace(".nan", "nan"))
)


def parse_yaml(text: str) -> Any:
    """The value of one YAML document, in the types that JSON has. Raises ValueError with line and column."""
    try:
        return yaml.load(text, _Loader)  # noqa: S506 - a safe loader
    except yaml.YAMLError as e:
        raise ValueError(str(e)) from e
