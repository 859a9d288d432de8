"""Lets the pages ask the AMS API from within, as whoever is logged in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bridge.api.api_errors import ApiError, from_broker
from bridge.api.call import Api
from bridge.api.inside_calls import InsideCaller, InsideCalls
from bridge.core.token_gate import Note
from bridge.operate.operator_context import AskAms, Requester
from bridge.operate.operator_errors import AmsRefused
from broker.errors import BrokerError, StoreError


def ask_from_within(api: Api, note: Note) -> AskAms:
    """The AMS API as use cases call it: what it refuses is an error of theirs."""
    calls = InsideCalls(api, note)

    async def ask(
        by: Requester,
        route: str,
        names: Mapping[str, str],
        body: Any = None,
        query: Mapping[str, str] | None = None,
    ) -> Any:
        caller = InsideCaller(by.who, by.address, by.user_uid, by.role == "admin")
        try:
            return await calls.ask(caller, route, names, body, query)
        except ApiError as error:
            raise AmsRefused(error.code, error.message) from error
        except StoreError:
            raise
        except BrokerError as error:
            answer = from_broker(error)
            raise AmsRefused(answer.code, answer.message) from error

    return ask
