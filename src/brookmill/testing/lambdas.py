"""The functions of a test: what ``$externalFunction`` calls is written down and answered by the test."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from types import SimpleNamespace
from typing import Any

from brookmill.errors import ConnectionFailed
from brookmill.mql import encoder, parse_json
from brookmill.testing.timeline import bson_value

#: By name, or by connection: what a function returns for a payload, or the same reply for all. What it
#: raises, it fails with.
Functions = Mapping[str, Any]

_json = encoder()


@dataclass(frozen=True)
class Call:
    """A call of a function by ``$externalFunction``. ``function``: name or ARN, as the stage has it."""

    function: str
    payload: Any
    execution: str = "sync"

    def __getitem__(self, name: str) -> Any:
        """The member of that name."""
        return vars(self)[name]

    def shown(self) -> dict[str, Any]:
        """As flow files write it."""
        return dict(vars(self))


class Lambdas:
    """``calls``: all that came, in their order."""

    def __init__(self, functions: Functions | Callable[[Any], Any] | None) -> None:
        """A callable answers for every function; None: each returns nothing."""
        self.calls: list[Call] = []
        self._functions = functions

    def client(self, connection: str) -> Any:
        """Stands in for the service's client."""
        return SimpleNamespace(invoke=partial(self._invoke, connection), close=lambda: None)

    def known(self, function: str, connection: str) -> Any:
        """The function of that name, or of the name at the end of its ARN; else what stands for the
        connection, or for all. Raises ConnectionFailed.
        """
        if self._functions is None or callable(self._functions):
            return self._functions
        for name in (function, function.rpartition(":")[2], connection, "*"):
            if name in self._functions:
                return self._functions[name]
        raise ConnectionFailed(f"the test has no function {function}", retry=False)

    def _invoke(
        self,
        connection: str,
        *,
        FunctionName: str,  # noqa: N803
        InvocationType: str,  # noqa: N803
        Payload: bytes,  # noqa: N803
    ) -> dict[str, Any]:
        """As the service's client does, for requests that reach a function."""
        execution = "async" if InvocationType == "Event" else "sync"
        payload = parse_json(Payload)
        self.calls.append(Call(FunctionName, payload, execution))
        answer = self.known(FunctionName, connection)
        try:
            made = answer(payload) if callable(answer) else answer
        except Exception as e:
            failure = {"errorType": type(e).__name__, "errorMessage": str(e)}
            return {"FunctionError": "Unhandled", "Payload": io.BytesIO(_json(failure))}
        body = b"" if made is None else _json(bson_value([made])[0])
        return {"Payload": io.BytesIO(body)}
