"""AMS's errors: status, code word and text of everything a client can be told (ams-api.md section 1.4)."""

from __future__ import annotations

from typing import Final

from bridge.core.error_body import error_body
from broker.errors import (
    AckRefused,
    AlreadyExists,
    BrokerError,
    InvalidFilter,
    InvalidName,
    InvalidReference,
    MessageInvalid,
    NotFound,
    OffsetOutOfBounds,
    OutcomeUnknown,
    Rejected,
    SchemaInvalid,
    SchemaUnusable,
    StoreUnavailable,
    TooLarge,
    TopicMissing,
    UnknownMembers,
    trouble_text,
)

NO_ACCESS: Final = "Access to this resource is forbidden"
RETRY_AFTER_S: Final = 1

_KINDS: Final = {
    "topic": "Topic",
    "subscription": "Subscription",
    "user": "User",
    "schema": "Schema",
    "snapshot": "Snapshot",
    "registration": "User registration",
    "project": "Project",
}


class ApiError(Exception):
    """An answer other than 200, with AMS's own words. ``wait_s`` says when to come back, 0 where that is not known."""

    def __init__(self, code: int, status: str, message: str, *, wait_s: int = 0) -> None:
        super().__init__(message)
        self.wait_s = wait_s
        self.code = code
        self.status = status
        self.message = message

    def body(self) -> bytes:
        """The JSON body."""
        return error_body(self.code, self.message, self.status)


def invalid_argument(message: str) -> ApiError:
    """400: something in the request cannot be."""
    return ApiError(400, "INVALID_ARGUMENT", message)


def bad_request() -> ApiError:
    """400: the body cannot be read, on the routes where AMS says no more than that."""
    return ApiError(400, "BAD_REQUEST", "Invalid Request Body")


def too_many_tokens(message: str, wait_s: int) -> ApiError:
    """429: too many wrong tokens from one address. AMS has no such answer."""
    return ApiError(429, "TOO_MANY_REQUESTS", message, wait_s=wait_s)


def unauthorized(message: str = "Unauthorized") -> ApiError:
    """401: no token, an unknown one, or one without any role here."""
    return ApiError(401, "UNAUTHORIZED", message)


def forbidden(message: str = NO_ACCESS) -> ApiError:
    """403: known, but not allowed."""
    return ApiError(403, "FORBIDDEN", message)


def not_found(message: str) -> ApiError:
    """The answer 404."""
    return ApiError(404, "NOT_FOUND", message)


def already_exists(message: str) -> ApiError:
    """409: the name is taken."""
    return ApiError(409, "ALREADY_EXISTS", message)


def conflict(message: str) -> ApiError:
    """409: it cannot be done as things stand."""
    return ApiError(409, "CONFLICT", message)


def too_large() -> ApiError:
    """413: a message, or the whole body, is over its limit."""
    return ApiError(413, "INVALID_ARGUMENT", "Message size is too large")


def unknown_coding(message: str) -> ApiError:
    """415: the body is packed in a way that is not known here. AMS has no such answer."""
    return ApiError(415, "INVALID_ARGUMENT", message)


def internal(message: str = "Internal Error") -> ApiError:
    """The answer 500."""
    return ApiError(500, "INTERNAL_SERVER_ERROR", message)


def from_broker(error: BrokerError) -> ApiError:
    """What a broker error is to an AMS client, where the route says nothing of its own."""
    match error:
        case NotFound(kind=kind):
            return not_found(f"{_KINDS.get(kind, kind)} doesn't exist")
        case AlreadyExists(kind=kind):
            return already_exists(f"{_KINDS.get(kind, kind)} already exists")
        case TopicMissing():
            return conflict("Subscription's topic doesn't exist")
        case SchemaUnusable():
            return internal("Could not load schema for topic")
        case Rejected():
            return _from_rejected(error)
        case StoreUnavailable() | OutcomeUnknown():
            text = f"The service is busy or its store is away{trouble_text(error)}; try again"
            return ApiError(503, "UNAVAILABLE", text)
        case _:
            return internal("Internal error while querying datastore")


def _from_rejected(error: Rejected) -> ApiError:
    match error:
        case AckRefused(reason="ack timeout"):
            return ApiError(408, "TIMEOUT", error.reason)
        case AckRefused(reason=reason):
            return internal(reason)
        case OffsetOutOfBounds():
            return invalid_argument("Offset out of bounds")
        case TooLarge():
            return too_large()
        case InvalidName(kind=kind):
            return invalid_argument(f"Invalid {kind} name")
        case InvalidFilter():
            return invalid_argument(str(error))
        case InvalidReference():
            return invalid_argument(_reference_text(error))
        case UnknownMembers(names=names):
            return not_found(f"User(s): {', '.join(names)} do not exist")
        case SchemaInvalid(reason=reason) | MessageInvalid(reason=reason):
            return invalid_argument(reason)
        case _:
            return bad_request()


def _reference_text(error: InvalidReference) -> str:
    if error.why == "duplicate":
        return f"duplicate reference of {error.kind} {error.name}"
    return f"invalid {error.kind}: {error.name}"
