"""Which names of buckets and paths documents and pipelines may give."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

#: Most bytes of a path; the object's own name comes behind it, and stores take 1024 in all.
_LONGEST = 900
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def path_problem(path: Any) -> str | None:
    """Why ``path`` cannot begin the names of objects; None when it can."""
    if not isinstance(path, str):
        return "must be a string"
    try:
        size = len(path.encode())
    except UnicodeEncodeError:
        return "must be valid UTF-8"
    if size > _LONGEST:
        return f"must not be longer than {_LONGEST} bytes"
    if _CONTROL.search(path) or {".", ".."} & set(path.split("/")):
        return "must not hold '.', '..' or control characters"
    return None


def target_problems(
    constants: Mapping[str, Any], bucket: re.Pattern[str]
) -> Iterator[tuple[tuple[str, ...], str]]:
    """Path and text of what is wrong with constants. ``bucket``: what names of buckets look like."""
    name = constants.get("bucket")
    if "bucket" in constants and not (isinstance(name, str) and bucket.fullmatch(name)):
        yield ("bucket",), "bucket must be the name of a bucket, or an expression that gives one"
    if "path" in constants and (why := path_problem(constants["path"])):
        yield ("path",), f"path {why}"


def is_plain(spec: Any) -> bool:
    """Whether what a pipeline says is the name itself, the same for every document."""
    return isinstance(spec, str) and not spec.startswith("$")
