"""Every flow comes out the same in batches of one, and with a crash after every batch.

Straight they are tests of their own: the pytest plugin finds them.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from brookmill.testing.flow_file import Case, flow_files, read_flows
from brookmill.testing.verdict import WAYS, judge

FILES = flow_files([Path(__file__).parent / "flows"])
CASES = [
    pytest.param(case, id=f"{path.name.partition('.')[0]}: {case.name}")
    for path in FILES
    for case in read_flows(path)
]


@pytest.mark.parametrize("way", [way for way in WAYS if way != "straight"])
@pytest.mark.parametrize("case", CASES)
def test_the_flow_comes_out_as_expected(case: Case, way: str) -> None:
    verdict = judge(case, **WAYS[way])
    assert not verdict.differences, "\n".join(
        line for part, lines in verdict.differences for line in (f"{part}: - expected + got", *lines)
    )


def test_there_are_many() -> None:
    assert len(CASES) >= 100
