"""``brookmill test``: play the pipelines of flow files and compare what comes out with what is expected."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from brookmill.cli import Refused, show
from brookmill.cli.flags import Output

if TYPE_CHECKING:
    from brookmill.testing.verdict import Verdict

_RED, _GREEN, _DIM = 31, 32, 2
_COLOURS = {"-": _RED, "+": _GREEN, " ": _DIM}


def check(*files: Path, thorough: bool = False, output: Output = "table") -> None:
    """Play every case of FILES, by default of all flow files below the working directory.

    Parameters
    ----------
    files
        Flow files, or directories: of these all *.flow.yaml, *.flow.yml and *.flow.json.
    thorough
        Play each case two times more, in batches of one and with a crash after every batch: it must come
        out the same.
    """
    from brookmill.testing.flow_file import flow_files, read_flows
    from brookmill.testing.timeline import InvalidFlow

    found = flow_files(list(files) or [Path()])
    if not found:
        raise InvalidFlow("there are no flow files here; their names end in .flow.yaml or .flow.json")
    flows = {path: read_flows(path) for path in found}
    verdicts = []
    for path, cases in flows.items():
        if output == "table":
            print(show.bold(str(path)))
        for case in cases:
            for verdict, way in _judged(case, path, thorough=thorough):
                verdicts.append((path, way, verdict))
                if output == "table":
                    _tell(verdict, way)
    if output != "table":
        show.value([_row(*one) for one in verdicts], output)
    failed = sum(not verdict.passed for _, _, verdict in verdicts)
    if failed:
        raise Refused(f"{failed} of {len(verdicts)} did not come out as expected")
    if output == "table":
        print(show.painted(f"{len(verdicts)} came out as expected", _GREEN))


def _judged(case: Any, path: Path, *, thorough: bool) -> Any:
    from brookmill.testing.timeline import InvalidFlow
    from brookmill.testing.verdict import WAYS, judge

    for way, options in WAYS.items():
        try:
            yield judge(case, **options), way
        except InvalidFlow as e:
            raise InvalidFlow(f"{path}: {case.name}: {e}") from e
        if not thorough:
            return


def _tell(verdict: Verdict, way: str) -> None:
    name = verdict.case.name or "case"
    title = name if way == "straight" else f"{name}, {way}"
    if verdict.passed:
        print(f"  {show.painted('✓', _GREEN)} {title}")
        return
    print(f"  {show.painted('✗', _RED)} {title}")
    for part, lines in verdict.differences:
        print(f"    {part}: {show.painted('- expected', _RED)} {show.painted('+ got', _GREEN)}")
        for line in lines:
            print(f"    {show.painted(line, _COLOURS[line[0]])}")


def _row(path: Path, way: str, verdict: Verdict) -> dict[str, object]:
    return {
        "file": str(path),
        "case": verdict.case.name,
        "way": way,
        "passed": verdict.passed,
        "error": verdict.error,
        "differences": [{"part": part, "lines": list(lines)} for part, lines in verdict.differences],
    }
