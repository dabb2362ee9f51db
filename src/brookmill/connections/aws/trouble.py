"""What goes wrong in AWS, and whether trying again can help."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from brookmill.connections.egress.trouble import certificate_fault
from brookmill.errors import ConnectionFailed, Fault

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
#: What stands in for names where an answer has no body is its status.
_DENIED = frozenset({"403", "AccessDenied", "AccessDeniedException", "Forbidden", "UnauthorizedOperation"})
_MISSING = frozenset(
    {
        *("404", "NoSuchBucket", "NoSuchKey", "NotFound", "ResourceNotFoundException"),
        *("301", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException", "PermanentRedirect"),
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
        return ConnectionFailed(f"{what}: {_answer(error)}", retry=passing(error), fault=_fault(error))
    inner = _member(error, "error")
    if isinstance(inner, ConnectionFailed):  # the way out is not allowed
        return ConnectionFailed(
            f"{what}: {inner}", retry=inner.retry, code=inner.code, name=inner.name, fault=inner.fault
        )
    fault = certificate_fault(error) or ("NO_ANSWER" if passing(error) else None)
    return ConnectionFailed(f"{what}: {_silence(error)}", retry=passing(error), fault=fault)


@contextmanager
def failing(what: str, *, denied: Fault = "DENIED") -> Iterator[None]:
    """Raise what AWS's client raises in here as ConnectionFailed. ``denied``: what lacking a right means."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except (BotoCoreError, ClientError) as e:
        failure = failed(what, e)
        if failure.fault == "DENIED":
            failure.fault = denied
        raise failure from e


def _fault(error: ClientError) -> Fault | None:
    name = code(error)
    if name in FORGED or name.startswith("ExpiredToken"):
        return "CREDENTIALS"
    if name in _DENIED:
        return "DENIED"
    if name in _MISSING:
        return "NOT_FOUND"
    if name in THROTTLED:
        return "THROTTLED"
    return "SERVER_ERROR" if status(error) >= 500 else None


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
