"""Write ``docs/lint.md``: the rules of ``brookmill lint``, from their registry. ``make docs``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from brookmill.lint import RULES, SEVERITIES, Rule

PAGE = Path(__file__).with_name("lint.md")

HEAD = """\
# Lint

`brookmill lint FILE…` looks for mistakes in pipelines, processors, connections and flow files, in JSON,
Extended JSON and YAML, before anything runs: what the planner refuses, and what runs but loses, repeats or
withholds documents. Directories are searched for all such files. Files are looked at together: a connection
that one defines is known in the others; where none defines any, their types follow from their use.

```sh
brookmill lint streams/                       # lines for people, with file, line and column
brookmill lint --level warning pipeline.json  # leaves out what is only worth knowing
brookmill lint --fix streams/                 # writes the fixes that are safe; comments stay
brookmill lint -o sarif . > lint.sarif        # SARIF 2.1.0 for code hosts and editors; -o json for scripts
```

Exit status: 0 nothing to mend, 1 an error or a warning, 2 wrong usage. `--ignore RULE` leaves a rule out.

**error**: it does not run, or not as meant · **warning**: it loses, repeats or withholds documents ·
**info**: worth knowing.

Written by `make docs` from the rules themselves; a test keeps it fresh.
"""

#: Chapters in the order of a pipeline; each is a file of rules.
CHAPTERS = {
    "source": "$source",
    "expressions": "Expressions and filters",
    "windows": "Windows",
    "asks": "Stages that ask",
    "sinks": "Sinks",
    "processors": "Processors",
    "connections": "Connections",
    "files": "Files",
}


def page() -> str:
    """The whole page."""
    rules = list(RULES.values())
    counts = [f"{sum(rule.severity == severity for rule in rules)} {severity}" for severity in SEVERITIES]
    parts = [HEAD, f"{len(rules)} rules: {', '.join(counts)}.\n"]
    for chapter, title in CHAPTERS.items():
        parts.append(f"## {title}\n")
        parts += [text for rule in rules if rule.chapter == chapter for text in _rule(rule)]
    return "\n".join(parts)


def _rule(rule: Rule) -> Iterator[str]:
    yield f"### {rule.id}\n"
    yield f"**{rule.severity}** · {rule.title}\n"
    yield re.sub(r"\n(?!\n)", " ", rule.text.replace("\n\n", "\0")).replace("\0", "\n\n") + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
