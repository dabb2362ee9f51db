"""AWSLambda: a function called by ``$externalFunction``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, ClassVar

from msgspec import UNSET, UnsetType

from brookmill.connections import CONNECTIONS, Asker, Opening
from brookmill.connections.aws import AWSConfig
from brookmill.connections.aws_lambda.options import ExternalFunctionOptions, LambdaProbe
from brookmill.connections.networking import (
    IMMUTABLE_PUBLIC_PRIVATE,
    PublicPrivateNetworking,
    is_private,
    networking_problems,
)
from brookmill.domain.connection import Connection

if TYPE_CHECKING:
    from brookmill.connections.ladder import Ladder


@CONNECTIONS("AWSLambda")
class AWSLambda(Connection, frozen=True, kw_only=True, tag="AWSLambda"):
    """Acts under the role of ``aws``."""

    immutable = IMMUTABLE_PUBLIC_PRIVATE
    probe_options: ClassVar[type[LambdaProbe]] = LambdaProbe
    asker_options: ClassVar[Mapping[str, type[ExternalFunctionOptions]]] = {
        "$externalFunction": ExternalFunctionOptions
    }

    aws: AWSConfig | UnsetType = UNSET
    public_private_networking: PublicPrivateNetworking | UnsetType = UNSET

    @property
    def private(self) -> bool:
        return is_private(self.public_private_networking)

    def problems(self) -> Iterator[str]:
        yield from networking_problems(self.public_private_networking)

    def open_asker(self, options: ExternalFunctionOptions, opening: Opening) -> Asker:
        """Raises ConnectionFailed."""
        from brookmill.connections.aws_lambda.asker import LambdaAsker

        return LambdaAsker(self, options, opening)

    def probe(self, options: LambdaProbe, opening: Opening, ladder: Ladder) -> None:
        """Raises ConnectionFailed."""
        from brookmill.connections.aws_lambda.probe import probe

        probe(self, options, opening, ladder)
