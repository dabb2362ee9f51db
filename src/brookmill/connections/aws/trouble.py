"""What goes wrong in AWS, and whether trying again can help."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from brookmill.errors import ConnectionFailed

if TYPE_CHECKING:
    from botocore.exceptions import BotoCoreError, ClientError

#: Somebody is not who he says he is. What AWS says of it may quote the request, so it is never shown.
FORGED = frozenset(
    {
        "IncompleteSignature",
        "IncompleteSignatureException",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "InvalidToken",
        "MissingAuthenticationToken",
        "MissingAuthenticationTokenException",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
#: Too much was asked for at once.
THROTTLED = frozenset(
    {
        "EC2ThrottledException",
        "LimitExceededException",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "SlowDown",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
#: Other answers that may be another a moment later, although their status says that the caller is wrong.
_PASSING = frozenset(
    {
        "ExpiredIteratorException",
        "ExpiredToken",
        "ExpiredTokenException",
        "OperationAborted",
        "RequestExpired",
        "RequestTimeTooSkewed",
        "RequestTimeout",
        "ResourceConflictException",
        "ResourceInUseException",
        "ResourceNotReadyException",
    }
)
#: Most of AWS's own words that are shown.
_WORDS = 300


def code(error: ClientError) -> str:
    """AWS's name of the error, e.g. ``AccessDenied``; of an answer without a body its status: ``404``."""
    return str(error.response.get("Error", {}).get("Code", "unknown"))


def status(error: ClientError) -> int:
    """The HTTP status of the answer; 0 when there is none."""
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def passing(error: BotoCoreError | ClientError) -> bool:
    """Whether the same request may succeed later."""
    from botocore.exceptions import ClientError, ConnectionError, HTTPClientError, SSLError

    if isinstance(error, ClientError):
        return code(error) in THROTTLED | _PASSING or status(error) >= 500
    return isinstance(error, (ConnectionError, HTTPClientError)) and not isinstance(error, SSLError)


def failed(what: str, error: BotoCoreError | ClientError) -> ConnectionFailed:
    """The failure that ``error`` is; ``what`` could not be done, e.g. "Could not read the stream s"."""
    from botocore.exceptions import ClientError

    if isinstance(error, ClientError):
        return ConnectionFailed(f"{what}: {_answer(error)}", retry=passing(error))
    inner = _member(error, "error")
    if isinstance(inner, ConnectionFailed):  # the way out is not allowed
        return ConnectionFailed(f"{what}: {inner}", retry=inner.retry, code=inner.code, name=inner.name)
    return ConnectionFailed(f"{what}: {_silence(error)}", retry=passing(error))


@contextmanager
def failing(what: str) -> Iterator[None]:
    """Raise what AWS's client raises in here as ConnectionFailed."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except (BotoCoreError, ClientError) as e:
        raise failed(what, e) from e


def _answer(error: ClientError) -> str:
    name = code(error)
    if name in FORGED:
        return f"AWS answered {name}: the credentials in Brookmill's settings are not valid there"
    words = str(error.response.get("Error", {}).get("Message", ""))
    return f"AWS answered {name}" + (f": {words[:_WORDS]}" if words and words != name else "")


def _silence(error: BotoCoreError) -> str:
    """Why there is no answer, without anything of the request but the host."""
    kind = type(error).__name__
    if endpoint := _member(error, "endpoint_url"):
        url = urlsplit(str(endpoint))
        return f"no answer from {url.hostname}{f':{url.port}' if url.port else ''} ({kind})"
    return kind if passing(error) else f"{kind}: {str(error)[:_WORDS]}"


def _member(error: BotoCoreError, name: str) -> Any:
    """What the client's exception was made of; it keeps that for all its kinds in one place."""
    return error.kwargs.get(name)
