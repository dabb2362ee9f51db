"""What can go wrong, by whose fault it is.

``UserError``: the request or the pipeline is wrong; the caller gets upstream's code.
``DocumentError``: one document is bad; it goes to the dead letters and nothing else stops.
``ConnectionFailed``: an outside system refused or vanished; the supervisor decides what follows.
Anything else is our own bug: logged with its trace, answered 500, a processor goes to FAILED.
"""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Literal

#: What is wrong with an outside system, or with the way to it, in one word. docs/probes.md tells them apart.
Fault = Literal[
    "CERTIFICATE_EXPIRED",
    "CERTIFICATE_INVALID",
    "CERTIFICATE_NAME",
    "CERTIFICATE_NOT_YET_VALID",
    "CERTIFICATE_UNTRUSTED",
    "CLIENT_CERTIFICATE",
    "CREDENTIALS",
    "DENIED",
    "FAILED",
    "FORBIDDEN_ADDRESS",
    "MECHANISM",
    "NOT_FOUND",
    "NO_ADDRESS",
    "NO_ANSWER",
    "PROTOCOL",
    "REDIRECTED",
    "REFUSED",
    "ROLE",
    "SERVER_ERROR",
    "SETTINGS",
    "THROTTLED",
    "UNDECODABLE",
    "UNKNOWN_SCHEMA",
]

#: errorCode -> (HTTP status, text with one ``{}`` a parameter). Reference: Admin API contract, section c.6.
CODES: dict[str, tuple[int, str]] = {
    "STREAM_TENANT_NOT_FOUND_FOR_NAME": (404, "Stream instance for project {0} and name {1} not found."),
    "STREAM_TENANT_NAME_ALREADY_EXISTS": (409, "A Stream instance with the name {0} already exists."),
    "STREAM_TENANT_HAS_STREAM_PROCESSORS": (
        403,
        "Stream workspace with name {0} has active processors, and cannot be changed.",
    ),
    "STREAM_CONNECTION_NOT_FOUND_FOR_NAME": (
        404,
        "Stream connection with name {0} for project {1} and name {2} not found.",
    ),
    "STREAM_CONNECTION_NAME_ALREADY_EXISTS": (409, "A Stream connection with the name {0} already exists."),
    "STREAM_CONNECTION_HAS_STREAM_PROCESSORS": (
        409,
        "Stream connection {0} is used by the stream processors {1}. "
        "Stop them before changing the connection.",
    ),
    "STREAM_KAFKA_CONNECTION_IS_DEPLOYING": (
        409,
        "Stream Kafka connection {0} is currently deploying. Please retry the request later.",
    ),
    "STREAM_CONNECTION_IS_ROLLING_OUT": (
        409,
        "A change of stream connection {0} is being rolled out: {1}. Please retry when it has ended.",
    ),
    "STREAM_CONNECTION_TEST_FAILED": (
        409,
        "Stream connection {0} was not changed: its test failed at {1} with {2}: {3}.",
    ),
    "STREAM_ROLLOUT_NOT_FOUND": (404, "No rollout with ID {0} exists in stream workspace {1}."),
    "STREAM_CONNECTION_REVISION_NOT_FOUND": (404, "Stream connection {0} has no revision {1}."),
    "STREAM_NETWORKING_CANNOT_BE_MODIFIED": (400, "Stream networking cannot be modified."),
    "STREAM_FAILOVER_CONNECTION_NOT_FOUND": (
        404,
        "No failover connection with ID {0} exists for Stream connection {1}.",
    ),
    "STREAM_FAILOVER_CONNECTION_ALREADY_EXISTS": (
        409,
        "Stream connection {0} already has a failover connection for region {1}.",
    ),
    "STREAM_PRIVATE_LINK_NOT_FOUND": (404, "Private Link with connection ID {0} not found."),
    "STREAM_PRIVATE_LINK_ALREADY_EXISTS": (400, "A Private Link with the same settings already exists: {0}."),
    "STREAM_PRIVATE_LINK_IN_USE": (400, "Private Link with connection ID {0} is in use."),
    "STREAM_PRIVATE_LINK_CANNOT_BE_MODIFIED": (
        409,
        "Private Link with connection ID {0} is in state {1} and has a dnsDomain, which can be changed only "
        "in state IDLE.",
    ),
    "STREAM_VPC_PEERING_CONNECTION_NOT_FOUND": (404, "VPC Peering connection {0} not found."),
    "STREAM_PRIVATE_ENDPOINT_NOT_FOUND": (404, "Private endpoint with ID {0} not found."),
    "STREAM_PRIVATE_ENDPOINT_ALREADY_EXISTS": (409, "A private endpoint with the ID {0} already exists."),
    "STREAM_PROCESSOR_NOT_FOUND_FOR_NAME": (
        404,
        "Stream processor with name {0} for project {1} and workspace {2} not found.",
    ),
    "STREAM_PROCESSOR_NAME_ALREADY_EXISTS": (409, "A Stream processor with the name {0} already exists."),
    "STREAM_PROCESSOR_GENERIC_ERROR": (
        400,
        "Streams Processor with this name ({0}) had a problem occur: {1}.",
    ),
    "VALIDATION_ERROR": (400, "The request content produced the validation error: {0}."),
    "INVALID_ATTRIBUTE": (400, "Invalid attribute {0} specified."),
    "MISSING_ATTRIBUTE": (400, "The required attribute {0} was not specified."),
    "MISSING_ATTRIBUTES": (400, "The required attributes {0} were not specified."),
    "ATTRIBUTE_READ_ONLY": (400, "The attribute {0} is read-only and cannot be changed by the user."),
    "INVALID_ENUM_VALUE": (400, "An invalid enumeration value {0} was specified."),
    "INVALID_JSON": (400, "Received JSON does not match expected format."),
    "INVALID_JSON_ATTRIBUTE": (400, "Received JSON for the {0} attribute does not match expected format."),
    "MALFORMED_JSON": (400, "Received JSON is malformed."),
    "INVALID_PATH_PARAMETER": (400, "Invalid path parameter {0} specified."),
    "INVALID_QUERY_PARAMETER": (400, "Invalid query parameter {0} specified."),
    "MISSING_QUERY_PARAMETER": (400, "The required query parameter {0} was not specified."),
    "USER_UNAUTHORIZED": (401, "Current user is not authorized to perform this action."),
    "NOT_IN_GROUP": (401, "The current user is not in the group, or the group does not exist."),
    "USER_CANNOT_ACCESS_ORG": (401, "User cannot access this organization."),
    "IP_ADDRESS_NOT_ON_ACCESS_LIST": (403, "IP address {0} is not allowed to access this resource."),
    "RESOURCE_NOT_FOUND": (404, "Cannot find resource {0}."),
    "ORG_NOT_FOUND": (404, "No organization with ID {0} exists."),
    "GROUP_NOT_FOUND": (404, "No group with ID {0} exists."),
    "GROUP_NAME_NOT_FOUND": (404, "No group with name {0} exists."),
    "GROUP_ALREADY_EXISTS": (409, 'A group with name "{0}" already exists.'),
    "CANNOT_CLOSE_GROUP_ACTIVE_STREAMS_RESOURCE": (
        409,
        "Cannot close group {0} while it has active streams resources. "
        "Delete its workspaces and private links first.",
    ),
    "CLUSTER_NOT_FOUND": (404, "No cluster named {0} exists in group {1}."),
    "API_KEY_NOT_FOUND": (404, "No API key with ID {0} exists."),
    "SERVICE_ACCOUNT_NOT_FOUND": (404, "No service account with client ID {0} exists."),
    "SERVICE_ACCOUNT_SECRET_NOT_FOUND": (404, "No secret with ID {0} exists for service account {1}."),
    "ACCESS_LIST_ENTRY_NOT_FOUND": (404, "No access list entry for {0} exists."),
    "INVALID_GROUP_ID": (404, "An invalid group ID {0} was specified."),
    "METHOD_NOT_ALLOWED": (405, "The method {0} is not allowed for this resource."),
    "INVALID_VERSION_DATE": (406, "Invalid accept header or version date."),
    "REQUEST_TIMEOUT": (408, "The request body did not arrive in time."),
    "VERSION_GONE": (410, "The version {0} of this resource has reached its sunset date {1}."),
    "PRECONDITION_FAILED": (412, "If-Match does not name what {0} is now: its ETag is {1}."),
    "REQUEST_BODY_TOO_LARGE": (413, "The request body is larger than {0} bytes."),
    "UNSUPPORTED_MEDIA_TYPE": (415, "The request content type {0} is not supported."),
    "IDEMPOTENCY_KEY_REUSED": (422, "The Idempotency-Key {0} was sent with another request before."),
    "RATE_LIMITED_TOKEN_BUCKET": (
        429,
        "Rate limit exceeded for {0}. Please retry after {1} seconds. "
        "Request capacity: {2}. Refill rate: {3} per {4} seconds.",
    ),
    "UNEXPECTED_ERROR": (500, "Unexpected error."),
}


class BrookmillError(Exception):
    """Root of everything raised on purpose."""


class UserError(BrookmillError):
    """The caller is wrong: ``code`` is upstream's errorCode, ``parameters`` fill its text.

    ``fields`` become ``badRequestDetail``: pairs of field path and description.
    ``wire_code`` is the numeric code a MongoDB wire client sees, where one is publicly known.
    ``status`` overrides the HTTP status where a setting says so; ``headers`` are added to the HTTP answer.
    """

    def __init__(
        self,
        code: str,
        *parameters: str | int,
        fields: Sequence[tuple[str, str]] = (),
        wire_code: int | None = None,
        headers: Sequence[tuple[str, str]] = (),
        status: int | None = None,
    ) -> None:
        self.code = code
        self.parameters = parameters
        usual, text = CODES[code]
        self.status = status or usual
        self.detail = text.format(*parameters)
        self.fields = tuple(fields)
        self.wire_code = wire_code
        self.headers = tuple(headers)
        super().__init__(self.detail)

    @property
    def reason(self) -> str:
        """The HTTP status phrase."""
        return HTTPStatus(self.status).phrase


class DocumentError(BrookmillError):
    """One document cannot be processed; ``str()`` is the reason written to its dead letter."""


class ConnectionFailed(BrookmillError):
    """An outside system failed. ``retry`` False: trying again cannot help (wrong password, unknown topic).

    ``code`` and ``name`` are the stream engine's error code and its name where publicly known. ``fault``:
    what is wrong, where that is known; a 420 is about the settings. The text is shown to users: it must never
    hold a secret.
    """

    def __init__(
        self,
        message: str,
        *,
        retry: bool = True,
        code: int | None = None,
        name: str | None = None,
        fault: Fault | None = None,
    ) -> None:
        super().__init__(message)
        self.retry = retry
        self.code = code
        self.name = name
        self.fault: Fault | None = fault or ("SETTINGS" if code == 420 else None)
