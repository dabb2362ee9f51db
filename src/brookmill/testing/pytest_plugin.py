"""A pytest plugin: every case of every ``*.flow.yaml``, ``*.flow.yml`` and ``*.flow.json`` is a test.

pytest loads it in every run where Brookmill is installed, so it imports nothing before it has a file to read.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from brookmill.testing.flow_file import Case

_SUFFIXES = (".flow.yaml", ".flow.yml", ".flow.json")


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """A flow file, wherever tests are looked for."""
    if file_path.name.endswith(_SUFFIXES):
        collected: pytest.Collector = FlowFile.from_parent(parent, path=file_path)
        return collected
    return None


class UnexpectedResult(Exception):
    """A case did not come out as expected; the text is the diff."""


class FlowFile(pytest.File):
    """The cases of one file."""

    def collect(self) -> Iterator[pytest.Item]:
        from brookmill.testing.flow_file import read_flows
        from brookmill.testing.timeline import InvalidFlow

        try:
            cases = read_flows(self.path)
        except InvalidFlow as e:
            raise self.CollectError(str(e)) from e
        for case in cases:
            yield FlowItem.from_parent(self, name=case.name or "case", case=case)


class FlowItem(pytest.Item):
    """One case."""

    def __init__(self, *, case: Case, **members: Any) -> None:
        super().__init__(**members)
        self._case = case

    def runtest(self) -> None:
        """Raises UnexpectedResult."""
        from brookmill.testing.verdict import judge

        verdict = judge(self._case)
        if not verdict.passed:
            parts = ("\n".join([f"{part}: - expected + got", *lines]) for part, lines in verdict.differences)
            raise UnexpectedResult("\n".join(parts))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """The diff without our own frames around it."""
        from brookmill.testing.timeline import InvalidFlow

        if isinstance(excinfo.value, UnexpectedResult | InvalidFlow):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        return self.path, None, f"{self.path.name}: {self.name}"
