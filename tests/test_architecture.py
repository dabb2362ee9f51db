"""The tree's own rules: who may import whom, how long files and functions may be, which names are none."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import brookmill

ROOT = Path(brookmill.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))

#: Left to right only; what shares a line is equal and must not see each other.
ORDER = [
    *[["registry"], ["errors"], ["clock"], ["config"], ["upstream"], ["logs"], ["yaml_text"]],
    *[
        ["mql"],
        ["domain"],
        ["connections"],
        ["stages"],
        ["plan"],
        ["lint", "diagnosis"],
        ["store"],
        ["runtime"],
    ],
    *[["operations"], ["http", "wire"], ["testing"], ["app"], ["cli"], ["__main__"]],
]
RANK = {name: rank for rank, names in enumerate(ORDER) for name in names}

#: Parts that nothing may reach but through the part named.
HIDDEN = {"http": {"store"}, "wire": {"store"}}

#: Late imports to the right, each for the reason that stands where it is: file -> part.
LATE = {"mql/api.py": {"plan"}}

#: Modules by which Python reaches outside of the process; ``mql`` and ``domain`` are pure.
OUTSIDE = {"asyncio", "http", "httpx", "os", "pathlib", "requests", "select", "socket", "sqlalchemy", "ssl"}
OUTSIDE |= {"sqlite3", "subprocess", "tempfile", "urllib", "pymongo"}

#: Client libraries: imported where a connection is opened, so never while a module loads.
CLIENTS = {"azure", "boto3", "botocore", "confluent_kafka", "google", "psycopg"}

DRAWERS = {"base", "common", "helper", "helpers", "impl", "manager", "misc", "service", "util", "utils"}


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


def imports(nodes: ast.AST, path: Path) -> Iterator[str]:
    """Absolute names of what the code imports, also inside functions and for type checking."""
    for node in ast.walk(nodes):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            module = str(node.module)
            yield from ([f"{module}.{a.name}" for a in node.names] if module == "brookmill" else [module])


def part(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_go_left_to_right(path: Path) -> None:
    own = part(path)
    if own == "__init__":
        return
    seen = {name.split(".")[1] for name in imports(tree(path), path) if name.startswith("brookmill.")}
    seen -= {own, "__version__"}
    assert own in RANK, f"{own} has no place in the import order"
    late = LATE.get(str(path.relative_to(ROOT)), set())
    loaded = {name for node in at_load(path) for name in imports(node, path)}
    assert not late & {name.split(".")[1] for name in loaded if name.startswith("brookmill.")}
    assert not {name for name in seen - late if RANK[name] >= RANK[own]}, f"{own} looks to its right"
    assert not seen & HIDDEN.get(own, set())


@pytest.mark.parametrize("path", [p for p in FILES if part(p) in ("mql", "domain")], ids=lambda p: p.name)
def test_the_language_and_the_domain_do_no_io(path: Path) -> None:
    assert not {name.split(".")[0] for name in imports(tree(path), path)} & OUTSIDE
    called = (n.func for n in ast.walk(tree(path)) if isinstance(n, ast.Call))
    assert not {f.id for f in called if isinstance(f, ast.Name)} & {"open", "print", "input"}


def at_load(path: Path) -> Iterator[ast.stmt]:
    for node in tree(path).body:
        if not isinstance(node, ast.FunctionDef | ast.ClassDef | ast.If):
            yield node


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_client_libraries_are_imported_where_a_connection_is_opened(path: Path) -> None:
    loaded = {name.split(".")[0] for node in at_load(path) for name in imports(node, path)}
    assert not loaded & CLIENTS


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_files_and_functions_are_short(path: Path) -> None:
    assert len(path.read_text("utf-8").splitlines()) <= 400, "look for two nouns in it"
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[1] if ast.get_docstring(node) and len(node.body) > 1 else node.body[0]
            assert (node.end_lineno or 0) - first.lineno < 40, f"{node.name} is too long"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_file_is_named_after_a_noun_and_opens_with_a_sentence(path: Path) -> None:
    assert path.stem.split("_")[-1] not in DRAWERS, "a service account is a noun, an account service is none"
    opening = (ast.get_docstring(tree(path)) or "").split("\n\n")[0]
    assert opening.endswith((".", ":", "::")), "no opening sentence"
