"""YAML as JSON with less punctuation: keys are texts, dates stay texts, only true and false are booleans."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable
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


#: That in C reads ten times as fast, where there is one.
_Reader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_Reader):  # type: ignore[misc]
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
        made: dict[Hashable, Any] = super().construct_mapping(node, deep)
        return made


for _name, _pattern, _first in _SCHEMA:
    _regex = re.compile(f"^(?:{_pattern})$")
    _Loader.add_implicit_resolver(f"{_TAG}{_name}", _regex, ["" if c == "\0" else c for c in _first])


_Loader.add_constructor(f"{_TAG}int", lambda _, node: int(node.value))
_Loader.add_constructor(
    f"{_TAG}float", lambda _, node: float(node.value.lower().replace(".inf", "inf").replace(".nan", "nan"))
)


class _Dumper(yaml.SafeDumper):
    """Quotes texts that YAML 1.1 or ``_SCHEMA`` would take for something else."""


for _name, _pattern, _first in _SCHEMA:
    _Dumper.add_implicit_resolver(f"{_TAG}{_name}", re.compile(f"^(?:{_pattern})$"), list(_first))
_Dumper.ignore_aliases = lambda *_: True  # type: ignore[method-assign]


def yaml_text(value: Any) -> str:
    """YAML that ``parse_yaml`` reads as ``value``, which has the types of JSON; members keep their order."""
    return str(yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110))


def parse_yaml(text: str) -> Any:
    """The value of one YAML document, in the types that JSON has. Raises ValueError with line and column."""
    return _constructed(lambda loader: loader.get_single_data(), text)


def marked_yaml(text: str, read: Callable[[Any], None]) -> Any:
    """As ``parse_yaml``; before, ``read`` gets the tree of nodes, which tell where they stand. It may take
    members out of mappings.
    """

    def construct(loader: Any) -> Any:
        node = loader.get_single_node()
        if node is None:
            return None
        read(node)
        return loader.construct_document(node)

    return _constructed(construct, text)


def _constructed(make: Callable[[Any], Any], text: str) -> Any:
    """What ``make`` makes with a loader of ``text``."""
    loader = _Loader(text)
    try:
        return make(loader)
    except yaml.YAMLError as e:
        raise ValueError(str(e)) from e
    finally:
        loader.dispose()
