"""A stage that asks, at the end of a pipeline: a sink whose answers nobody needs."""

from __future__ import annotations

from brookmill.connections import Asker, DeadLetter, Form, Output


class AskingSink:
    """A ``Sink``. The column ``meta`` is the stream metadata of each document, for dead letters."""

    accepts: Form = "document"

    def __init__(self, asker: Asker, operator: str) -> None:
        self._asker = asker
        self._operator = operator

    def write(self, output: Output) -> list[DeadLetter]:
        answers = self._asker.ask(output)
        return [
            DeadLetter(
                answer.refused,
                self._operator,
                output.values[i],
                {**output.columns["meta"][i], **(answer.meta or {})},
            )
            for i, answer in enumerate(answers)
            if answer.refused is not None
        ]

    def flush(self) -> list[DeadLetter]:
        """Nothing waits: ``write`` returns when everything is answered."""
        return []

    def close(self) -> None:
        self._asker.close()
