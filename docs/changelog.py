"""Fold ``changelog.d/`` into ``CHANGELOG.md`` under the version of pyproject.toml: ``make changelog``."""

from __future__ import annotations

import datetime as dt
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent
KINDS = {
    "added": "Added",
    "changed": "Changed",
    "fixed": "Fixed",
    "removed": "Removed",
    "security": "Security",
}
MARK = "<!-- releases -->\n"


def section(fragments: dict[str, list[str]], version: str, day: dt.date) -> str:
    """The text of one release. ``fragments``: texts by kind."""
    parts = [f"\n## {version} ({day.isoformat()})\n"]
    for kind, title in KINDS.items():
        if texts := fragments.get(kind):
            parts.append(f"\n### {title}\n\n" + "".join(f"- {text}\n" for text in texts))
    return "".join(parts)


def read(directory: Path) -> dict[str, list[str]]:
    """Texts by kind, from files called ``name.kind.md``, in the order of their names. Raises SystemExit."""
    found: dict[str, list[str]] = {}
    for path in sorted(directory.glob("*.md")):
        if path.name == "README.md":
            continue
        kind = path.name.split(".")[-2]
        if kind not in KINDS:
            sys.exit(f"{path.name}: call it name.kind.md, where kind is one of {', '.join(KINDS)}")
        found.setdefault(kind, []).append(" ".join(path.read_text("utf-8").split()))
    return found


def main() -> None:
    """Write the release and remove the fragments."""
    changelog, directory = ROOT / "CHANGELOG.md", ROOT / "changelog.d"
    fragments = read(directory)
    if not fragments:
        sys.exit("there is nothing in changelog.d")
    version = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    text = changelog.read_text("utf-8")
    before, mark, after = text.partition(MARK)
    if not mark or f"\n## {version} " in text:
        sys.exit(f"CHANGELOG.md has {version} already, or no line {MARK.strip()}")
    changelog.write_text(
        before + mark + section(fragments, version, dt.datetime.now(dt.UTC).date()) + after, "utf-8"
    )
    for path in directory.glob("*.*.md"):
        path.unlink()
    print(f"CHANGELOG.md: {version}, {sum(map(len, fragments.values()))} entries")


if __name__ == "__main__":
    main()
