"""What goes wrong in Azure, and whether trying again can help."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from brookmill.connections.egress.trouble import certificate_fault, certificate_problem
from brookmill.errors import ConnectionFailed, Fault

if TYPE_CHECKING:
    from azure.core.exceptions import AzureError, HttpResponseError

#: What Azure says of these quotes the request with its signature, so it is never shown.
_ADVICE = {
    "AuthenticationFailed": "the login in Brookmill's settings is not valid there",
    "InvalidAuthenticationInfo": "the login in Brookmill's settings is not valid there",
    "NoAuthenticationInformation": "the login in Brookmill's settings is not valid there",
    "AuthorizationFailure": "nobody may do this there with the login in Brookmill's settings",
    "AuthorizationPermissionMismatch": "the service principal needs the role Storage Blob Data Contributor",
    "InsufficientAccountPermissions": "the login in Brookmill's settings lacks the right to do this",
    "ContainerNotFound": "there is no such container",
}
_FAULTS: dict[str, Fault] = {
    "AuthenticationFailed": "CREDENTIALS",
    "InvalidAuthenticationInfo": "CREDENTIALS",
    "NoAuthenticationInformation": "CREDENTIALS",
    "AuthorizationFailure": "DENIED",
    "AuthorizationPermissionMismatch": "DENIED",
    "InsufficientAccountPermissions": "DENIED",
    "ContainerNotFound": "NOT_FOUND",
}
_PASSING = frozenset({408, 425, 429})
_LOGIN = re.compile(r"AADSTS[0-9]+")


@contextmanager
def failing(what: str) -> Iterator[None]:
    """Raise what Azure's client raises in here as ConnectionFailed; ``what`` could not be done."""
    from azure.core.exceptions import AzureError

    try:
        yield
    except (AzureError, ConnectionFailed) as e:  # the latter: the way out is not allowed
        raise _failed(what, e) from e


def _failed(what: str, error: AzureError | ConnectionFailed) -> ConnectionFailed:
    from azure.core.exceptions import HttpResponseError, ServiceRequestError, ServiceResponseError

    causes = list(_chain(error))
    if forbidden := next((e for e in causes if isinstance(e, ConnectionFailed)), None):
        return ConnectionFailed(
            f"{what}: {forbidden}",
            retry=forbidden.retry,
            code=forbidden.code,
            name=forbidden.name,
            fault=forbidden.fault,
        )
    if problem := next(filter(None, map(certificate_problem, causes)), None):
        fault: Fault | None = next((f for e in causes if (f := certificate_fault(e))), None)
        return ConnectionFailed(f"{what}: {problem}", retry=False, fault=fault)
    silent = any(isinstance(e, (ServiceRequestError, ServiceResponseError)) for e in causes)
    if silent or not isinstance(error, HttpResponseError):
        text = f"{what}: Azure does not answer ({type(error).__name__})"
        return ConnectionFailed(text, fault="NO_ANSWER")
    return _answered(what, error)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """The error and what it stems from; Azure's client keeps that in a member of its own."""
    while error is not None:
        yield error
        error = getattr(error, "inner_exception", None) or error.__cause__ or error.__context__


def _answered(what: str, error: HttpResponseError) -> ConnectionFailed:
    from azure.core.exceptions import ClientAuthenticationError

    code, status = _code(error), error.status_code or 0
    if code is None and isinstance(error, ClientAuthenticationError):
        number = _LOGIN.search(str(error.message))
        named = f"Microsoft Entra ID answered {number[0]}: " if number else ""
        return ConnectionFailed(
            f"{what}: {named}the client id, its secret or the tenant in Brookmill's settings is not valid",
            retry=False,
            fault="CREDENTIALS",
        )
    fault: Fault = "SERVER_ERROR" if status >= 500 else "FAILED"
    advice = f": {_ADVICE[code]}" if code in _ADVICE else ""
    return ConnectionFailed(
        f"{what}: Azure answered {code or f'with status {status}'}{advice}",
        retry=status >= 500 or status in _PASSING,
        fault=_FAULTS.get(code, fault) if code else fault,
    )


def _code(error: Exception) -> str | None:
    """Azure's name of the error, e.g. ``ContainerNotFound``."""
    code = getattr(error, "error_code", None)
    return None if code is None else str(getattr(code, "value", code))
