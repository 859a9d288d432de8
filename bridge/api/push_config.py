"""Push configurations: what a request may ask for, what it becomes, and how it is shown (ams-api.md 4.4, 8.1, 8.2)."""

from __future__ import annotations

from typing import Final, Literal
from urllib.parse import SplitResult, urlsplit

import msgspec

from bridge.api.api_errors import invalid_argument
from bridge.api.wire import AuthorizationHeader, PushConfigAnswer, PushConfigRequest, RetryPolicyAnswer
from broker.records import PushConfig
from broker.tokens import Entropy, random_hex

DEFAULT_PERIOD_MS: Final = 3000
_PULL: Final = PushConfig()
_ZERO: Final = PushConfigRequest()


def asks_for_pull(request: PushConfigRequest) -> bool:
    """Whether a request says nothing at all, and so means a pull subscription."""
    return request in (_ZERO, _ZERO_SAID)


_ZERO_SAID: Final = msgspec.structs.replace(_ZERO, base64_decode=False)


def new_push_config(request: PushConfigRequest, entropy: Entropy) -> PushConfig:
    """The configuration of a new push subscription. Raises ApiError, judging in AMS's order (8.1)."""
    kind = _type_of(request)
    if kind == "mattermost":
        _check_mattermost(request)
    else:
        _check_endpoint(request)
    _check_retry(request)
    return _mattermost(request, _PULL) if kind == "mattermost" else _http(request, _PULL, entropy)


def change_push_config(request: PushConfigRequest, old: PushConfig, entropy: Entropy) -> PushConfig:
    """What an existing configuration becomes. Raises ApiError, judging in AMS's order (8.2)."""
    _check_retry(request)
    kind = _type_of(request)
    if kind == "mattermost":
        _check_mattermost(request)
        return _mattermost(request, old)
    _check_endpoint(request)
    return _http(request, old, entropy)


def _type_of(request: PushConfigRequest) -> Literal["http_endpoint", "mattermost"]:
    """The type asked for; none with an endpoint means http_endpoint (D19)."""
    match request.type:
        case "http_endpoint" | "mattermost":
            return request.type
        case "" if request.push_endpoint:
            return "http_endpoint"
        case _:
            raise invalid_argument("Push configuration type can only be of 'http_endpoint' or 'mattermost'")


def _check_endpoint(request: PushConfigRequest) -> None:
    url = _split(request.push_endpoint)
    if url is None or url.scheme != "https":
        raise invalid_argument("Push endpoint should be addressed by a valid https url")
    if request.authorization_header.type not in ("", "autogen", "disabled"):
        raise invalid_argument("Authorization header type can only be of 'autogen' or 'disabled' type")


def _check_mattermost(request: PushConfigRequest) -> None:
    if not request.mattermost_url:
        raise invalid_argument("Field mattermostUrl cannot be empty")
    if _split(request.mattermost_url) is None:
        raise invalid_argument("Field mattermostUrl should be a valid http or https url")


def _check_retry(request: PushConfigRequest) -> None:
    if request.retry_policy.type not in ("", "linear", "slowstart"):
        raise invalid_argument("Retry policy can only be of 'linear' or 'slowstart' type")


def _split(url: str) -> SplitResult | None:
    """The parts of an absolute http(s) URL with a host, or None; a URL with control characters or blanks is none."""
    if any(character <= " " or character == "\x7f" for character in url):
        return None
    try:
        parts = urlsplit(url)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return None
    return parts if valid else None


def _retry(request: PushConfigRequest) -> tuple[Literal["linear", "slowstart"], int]:
    if request.retry_policy.type == "slowstart":
        return "slowstart", 0
    period_ms = request.retry_policy.period
    return "linear", period_ms if period_ms > 0 else DEFAULT_PERIOD_MS


def _mattermost(request: PushConfigRequest, old: PushConfig) -> PushConfig:
    retry_type, period_ms = _retry(request)
    return PushConfig(
        type="mattermost",
        max_messages=1,
        retry_type=retry_type,
        retry_period_ms=period_ms,
        verified=True,
        mattermost_url=request.mattermost_url,
        mattermost_username=request.mattermost_username,
        mattermost_channel=request.mattermost_channel,
        base64_decode=_base64_decode(request, old),
    )


def _http(request: PushConfigRequest, old: PushConfig, entropy: Entropy) -> PushConfig:
    retry_type, period_ms = _retry(request)
    same = old.type == "http_endpoint" and old.endpoint == request.push_endpoint
    header_type = _header_type(request, old)
    header_value = old.authorization_value if old.authorization_type == "autogen" else ""
    return PushConfig(
        type="http_endpoint",
        endpoint=request.push_endpoint,
        max_messages=max(request.max_messages or old.max_messages, 1),
        authorization_type=header_type,
        authorization_value=(header_value or random_hex(entropy)) if header_type == "autogen" else "",
        retry_type=retry_type,
        retry_period_ms=period_ms,
        verification_hash=old.verification_hash if same else random_hex(entropy),
        verified=old.verified and same,
        base64_decode=_base64_decode(request, old),
    )


def _header_type(request: PushConfigRequest, old: PushConfig) -> Literal["autogen", "disabled"]:
    """The header asked for, else that of the old configuration (8.2)."""
    match request.authorization_header.type or old.authorization_type:
        case "autogen":
            return "autogen"
        case "disabled":
            return "disabled"
        case _:
            return "disabled" if old.type else "autogen"


def _base64_decode(request: PushConfigRequest, old: PushConfig) -> bool:
    return old.base64_decode if request.base64_decode is None else request.base64_decode


def push_config_answer(push: PushConfig) -> PushConfigAnswer:
    """A configuration as AMS shows it; with an endpoint ``retryPolicy.period`` is always there (D5)."""
    period = push.retry_period_ms if push.endpoint or push.retry_period_ms else None
    return PushConfigAnswer(
        type=push.type,
        push_endpoint=push.endpoint,
        max_messages=push.max_messages,
        authorization_header=AuthorizationHeader(push.authorization_type, push.authorization_value),
        retry_policy=RetryPolicyAnswer(push.retry_type, period),
        verification_hash=push.verification_hash,
        verified=push.verified,
        mattermost_url=push.mattermost_url,
        mattermost_username=push.mattermost_username,
        mattermost_channel=push.mattermost_channel,
        base64_decode=push.base64_decode,
    )
