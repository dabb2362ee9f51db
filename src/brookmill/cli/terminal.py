"""``brookmill run``: play the pipeline of a flow file to the terminal, as ``sp.process`` does."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter
from msgspec import UNSET

from brookmill.cli import Refused
from brookmill.cli.flags import HERE, Place

if TYPE_CHECKING:
    from brookmill.cli.screen import Screen
    from brookmill.testing.flow_file import Case


def run(
    file: Path,
    place: Place = HERE,
    *,
    case: str | None = None,
    limit: Annotated[int | None, Parameter(name=["--limit", "-n"])] = None,
    for_: Annotated[str | None, Parameter(name="--for")] = None,
    cluster: Annotated[tuple[str, ...], Parameter(negative=())] = (),
) -> None:
    """Play the pipeline of FILE: what comes out goes to standard output, one document a line.

    Dead letters, progress and rates go to standard error. Where the file has inputs or topics, these are
    played on a clock of their own and memory stands in for all connections; otherwise the pipeline runs on
    the real systems that the file's connections name, until Ctrl-C.

    Parameters
    ----------
    file
        A flow file, YAML or JSON.
    case
        Which of its cases, if there are several.
    limit
        End after so many documents came out.
    for_
        End after so long, e.g. 10s.
    cluster
        NAME=URI: the MongoDB behind the clusterName NAME; may be given several times.
    """
    from brookmill.cli.screen import Screen
    from brookmill.testing.flow_file import read_flows
    from brookmill.testing.timeline import milliseconds

    chosen = _chosen(read_flows(file), case, file)
    screen = Screen(limit)
    seconds = None if for_ is None else milliseconds(for_) / 1000
    if chosen.inputs is UNSET and chosen.topics is UNSET:
        from brookmill.cli.live import play

        play(chosen, screen, place.settings(dev=True).outside, _clusters(cluster), seconds)
    else:
        _rehearse(chosen, screen, seconds)


def _rehearse(case: Case, screen: Screen, seconds: float | None) -> None:
    from brookmill.testing.pipeline import run

    result = run(**case.arguments() | ({} if seconds is None else {"duration": seconds}))
    for document in result.output:
        screen.show(document)
    for letter in result.dead_letters:
        screen.bury(letter["errInfo"]["reason"], letter["operatorName"], letter["doc"])
    screen.done(result.stats)


def _chosen(cases: Sequence[Case], name: str | None, file: Path) -> Case:
    found = [one for one in cases if name in (None, one.name)]
    if len(found) == 1:
        return found[0]
    names = ", ".join(repr(one.name) for one in cases)
    raise Refused(f"{file} has no case {name!r} but {names}" if name else f"choose a --case of {names}")


def _clusters(texts: Sequence[str]) -> dict[str, str]:
    clusters = {}
    for text in texts:
        name, sign, uri = text.partition("=")
        if not sign or not name:
            raise Refused("--cluster takes NAME=URI")  # without the text: there may be a password in it
        clusters[name] = uri
    return clusters
