"""A t-digest: a sketch of many numbers that knows their percentiles, exact in the tails and in small numbers.

Reference: T. Dunning, "Computing extremely accurate quantiles using t-digests".
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec

from brookmill.mql.statistics import percentiles

#: Numbers that are kept as they are, before the first of them are summed up.
EXACT: Final = 8192
#: About how many centroids stand for all others.
_DELTA: Final = 1000

#: Mean and weight.
Centroid = tuple[float, float]


class TDigest(msgspec.Struct, gc=False):
    """Numbers not yet summed up; centroids of those that are, in order; how many are infinite."""

    numbers: list[float] = msgspec.field(default_factory=list)
    centroids: list[Centroid] = msgspec.field(default_factory=list)
    least: float = math.inf
    most: float = -math.inf
    negative: int = 0
    positive: int = 0

    def add(self, number: float) -> None:
        self.numbers.append(number)
        if len(self.numbers) > EXACT:
            self.compress()

    def compress(self) -> None:
        """Sum up the numbers. Those near the ends stay apart, for which percentiles are asked most."""
        finite = sorted(number for number in self.numbers if math.isfinite(number))
        self.negative += self.numbers.count(-math.inf)
        self.positive += self.numbers.count(math.inf)
        self.numbers = []
        if finite:
            self.least, self.most = min(self.least, finite[0]), max(self.most, finite[-1])
            self.centroids = _merged(sorted([*self.centroids, *[(number, 1.0) for number in finite]]))

    def merge(self, other: TDigest) -> None:
        """Take in what ``other`` holds."""
        if other.centroids:
            self.least, self.most = min(self.least, other.least), max(self.most, other.most)
            self.centroids = _merged(sorted([*self.centroids, *other.centroids]))
        self.negative += other.negative
        self.positive += other.positive
        self.numbers += other.numbers
        if len(self.numbers) > EXACT:
            self.compress()

    def percentiles(self, shares: Sequence[float]) -> list[float | None]:
        """For each share about the number that is not less than that share of all; nulls without numbers."""
        if not self.centroids and not self.negative and not self.positive:
            return percentiles(self.numbers, shares)
        self.compress()
        total = sum(weight for _, weight in self.centroids)
        count = self.negative + total + self.positive
        return [self._ranked(max(1.0, math.ceil(share * count)) - self.negative, total) for share in shares]

    def _ranked(self, rank: float, total: float) -> float:
        """About the number of this rank among the finite ones, of which the first one has 1."""
        if rank < 1:
            return -math.inf
        if rank > total:
            return math.inf
        before = 0.0
        for at, (mean, weight) in enumerate(self.centroids):
            if rank <= before + weight:
                return mean if weight == 1 else self._within(at, (rank - before - 0.5) / weight)
            before += weight
        return self.most

    def _within(self, at: int, share: float) -> float:
        """About the number at a share of the way through a centroid, which reaches half way to others."""
        mean = self.centroids[at][0]
        low = (self.centroids[at - 1][0] + mean) / 2 if at else self.least
        high = (mean + self.centroids[at + 1][0]) / 2 if at + 1 < len(self.centroids) else self.most
        return low + (mean - low) * 2 * share if share < 0.5 else mean + (high - mean) * (2 * share - 1)

    def state(self) -> dict[str, Any]:
        """What ``of_state`` takes back, as BSON holds it."""
        flat = [part for centroid in self.centroids for part in centroid]
        return {
            "numbers": list(self.numbers),
            "centroids": flat,
            "least": self.least,
            "most": self.most,
            "negative": self.negative,
            "positive": self.positive,
        }

    @classmethod
    def of_state(cls, state: Any) -> TDigest:
        if isinstance(state, list):  # older checkpoints hold all numbers
            digest = cls()
            for number in state:
                digest.add(number)
            return digest
        flat = state["centroids"]
        rest = {name: part for name, part in state.items() if name != "centroids"}
        return cls(centroids=list(zip(flat[::2], flat[1::2], strict=True)), **rest)

    @property
    def size(self) -> int:
        """About how many bytes are held."""
        return 64 + 32 * len(self.numbers) + 112 * len(self.centroids)


def _merged(ordered: Iterable[Centroid]) -> list[Centroid]:
    """Neighbours joined as far as the scale function allows: few near the ends, many in the middle."""
    parts = list(ordered)
    total = sum(weight for _, weight in parts)
    merged: list[Centroid] = []
    done, mean, weight = 0.0, *parts[0]
    limit = _limit(0.0)
    for other, more in parts[1:]:
        if (done + weight + more) / total <= limit:
            weight += more
            mean += (other - mean) * more / weight
            continue
        merged.append((mean, weight))
        done += weight
        limit = _limit(done / total)
        mean, weight = other, more
    merged.append((mean, weight))
    return merged


def _limit(share: float) -> float:
    """Up to which share of all a centroid may reach that begins at ``share``."""
    angle = math.asin(max(-1.0, min(1.0, 2 * share - 1))) + 2 * math.pi / _DELTA
    return 1.0 if angle >= math.pi / 2 else (math.sin(angle) + 1) / 2
