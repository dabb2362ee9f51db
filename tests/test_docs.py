"""Generated documentation is fresh, and what documents point at exists."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path

import pytest

from docs import changelog, coverage, lint

ROOT = Path(__file__).parent.parent
PAGES = [
    *ROOT.glob("*.md"),
    *(p for p in ROOT.glob("docs/**/*.md")),
]


def test_the_coverage_page_is_fresh() -> None:
    assert coverage.PAGE.read_text("utf-8") == coverage.page(), "run `make docs`"


def test_the_page_of_the_lint_rules_is_fresh() -> None:
    assert lint.PAGE.read_text("utf-8") == lint.page(), "run `make docs`"


def test_a_docstring_tells_what_differs() -> None:
    def odd() -> None:
        """Do it.

        Differs: upstream does
        something else.

        Raises nothing.
        """

    assert coverage.rows({"a", "b"}, {"b": odd, "c": list}) == [
        coverage.Row("a", "known"),
        coverage.Row("b", "differs", "upstream does something else."),
        coverage.Row("c", "done"),
    ]


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    text = page.read_text("utf-8")
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text):
        assert (page.parent / target).exists(), target
    for anchor in re.findall(r"\]\(#([^)]+)\)", text):
        titles = [t.lower().replace(" ", "-") for t in re.findall(r"(?m)^#+ (.+)$", text)]
        assert anchor in titles


def test_every_decision_is_listed() -> None:
    listed = (ROOT / "docs/adr/README.md").read_text("utf-8")
    for page in (ROOT / "docs/adr").glob("0*.md"):
        title = page.read_text("utf-8").splitlines()[0].split(". ", 1)[1]
        assert f"[{page.name[:4]}]({page.name}) | {title} |" in listed


def test_fragments_become_a_release(tmp_path: Path) -> None:
    (tmp_path / "one.fixed.md").write_text("Mend\nit.\n")
    (tmp_path / "two.added.md").write_text("Make it.\n")
    (tmp_path / "README.md").write_text("how")
    text = changelog.section(changelog.read(tmp_path), "1.2.3", dt.date(2026, 1, 2))
    assert text == "\n## 1.2.3 (2026-01-02)\n\n### Added\n\n- Make it.\n\n### Fixed\n\n- Mend it.\n"


def test_a_fragment_of_unknown_kind_is_refused(tmp_path: Path) -> None:
    (tmp_path / "one.improved.md").write_text("It.")
    with pytest.raises(SystemExit, match="added, changed, fixed"):
        changelog.read(tmp_path)


def test_the_fragments_of_this_tree_are_well_named() -> None:
    changelog.read(ROOT / "changelog.d")
