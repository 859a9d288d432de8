"""All listeners of the daemon: one worker for each bot that listens."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from bridge.chat.button_dispatcher import Presser
from bridge.core.supervisor import Supervisor
from bridge.delivery.couriers import DestinationRoute
from bridge.destinations.listened_channels import ListenedChannels
from broker.clock import Clock

if TYPE_CHECKING:
    from bridge.chat.listener import Hearing, Listener
    from bridge.destinations.mattermost.bot import MattermostBot


class Listeners(Collector):
    """Keeps a listener at work for each destination that asks for one, and tells Prometheus how they stand."""

    def __init__(
        self,
        places: ListenedChannels,
        routes: Callable[[], Mapping[str, DestinationRoute]],
        supervisor: Supervisor,
        clock: Clock,
        rng: random.Random,
    ) -> None:
        self._places = places
        self._routes = routes
        self._supervisor = supervisor
        self._clock = clock
        self._rng = rng
        self._presser: Presser | None = None
        self._at_work: dict[str, Listener] = {}

    def hear_for(self, presser: Presser) -> None:
        """Say who carries out what is heard; before this nobody listens."""
        self._presser = presser

    @property
    def hearings(self) -> Sequence[Hearing]:
        """How well each destination hears."""
        return [listener.hearing for listener in self._at_work.values()]

    def start(self) -> None:
        """Listen for the destinations at work that ask for it, from where the store says that it was heard."""
        bots = {name: bot for name, route in self._routes().items() if (bot := _listening(route)) is not None}
        if self._presser is None or not bots:
            return
        from bridge.chat.listener import Listener  # with a websocket, which nobody else needs

        for name, bot in bots.items():
            worker = f"listen:{name}"
            note = partial(self._supervisor.note, worker)
            listener = Listener(name, bot, self._presser, self._places, self._clock, self._rng, note)
            self._at_work[name] = listener
            self._supervisor.start(worker, listener.run, on_one_node=True)

    async def stop(self) -> None:
        """End all listeners, wherever they are."""
        for name in list(self._at_work):
            await self._supervisor.stop(f"listen:{name}")
            del self._at_work[name]

    def collect(self) -> Sequence[Metric]:
        """See Collector."""
        heard = GaugeMetricFamily(
            "ams_bridge_chat_listening", "1 while reactions and replies are heard", labels=["destination"]
        )
        connections = CounterMetricFamily(
            "ams_bridge_chat_connections", "Websockets to the chat server", labels=["destination"]
        )
        wishes = CounterMetricFamily(
            "ams_bridge_chat_wishes",
            "Reactions and replies that asked for something",
            labels=["destination", "by", "action", "outcome"],
        )
        for hearing in self.hearings:
            heard.add_metric([hearing.destination], hearing.connected)
            connections.add_metric([hearing.destination], hearing.connections)
            for labels, count in hearing.wishes.items():
                wishes.add_metric([hearing.destination, *labels], count)
        return [heard, connections, wishes]


def _listening(route: DestinationRoute) -> MattermostBot | None:
    """The bot of a destination that asks for a listener."""
    if route.destination.facts.kind != "mattermost_bot":
        return None
    from bridge.destinations.mattermost.bot import MattermostBot

    bot = route.destination
    return bot if isinstance(bot, MattermostBot) and bot.config.listen != "none" else None
