"""Names of one family, and what implements them."""

from __future__ import annotations

import importlib
import pkgutil
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Generic, TypeVar

T = TypeVar("T")
M = TypeVar("M")


class Registry(Mapping[str, T], Generic[T]):
    """The members of one family (operators, stages, connection types, operations, …) by name.

    A member registers itself with a decorator in a module of ``package``; those modules are imported on the
    first look-up, so adding a member is adding a file (or a function in one) and there is no list to edit.
    A name can be claimed once: a second claim raises ``ValueError`` at import.
    """

    def __init__(self, family: str, package: str) -> None:
        self.family = family
        self._package = package
        self._members: dict[str, T] = {}
        self._filled = False
        self._lock = threading.RLock()

    def __call__(self, *names: str) -> Callable[[M], M]:
        """Register the decorated object under ``names``; the first is its own, the rest are aliases."""

        def claim(member: M) -> M:
            for name in names:
                if name in self._members:
                    raise ValueError(f"{self.family} {name!r} is claimed twice")
                self._members[name] = member  # type: ignore[assignment]
            return member

        return claim

    def _fill(self) -> dict[str, T]:
        if not self._filled:
            with self._lock:
                if not self._filled:
                    package = importlib.import_module(self._package)
                    for module in sorted(m.name for m in pkgutil.iter_modules(package.__path__)):
                        importlib.import_module(f"{self._package}.{module}")
                    self._filled = True
        return self._members

    def __getitem__(self, name: str) -> T:
        return self._fill()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._fill())

    def __len__(self) -> int:
        return len(self._fill())

    def __repr__(self) -> str:
        return f"<Registry of {self.family}: {len(self._members)} names>"
