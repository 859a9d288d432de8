"""Made-up names: one for each real one, in the domains and networks that rule files name."""

from __future__ import annotations

import ipaddress
import re
from collections import Counter
from typing import Final, TypeAlias

from rules.workbench.scrub_words import ORDINARY

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network
_NETWORK: Final = re.compile(r"(?<![\w.:])[0-9A-Fa-f:.]{3,45}/\d{1,3}(?!\w)")
_NAMELESS: Final = {
    4: (ipaddress.ip_network("192.0.2.0/24"), ipaddress.ip_network("198.18.0.0/15")),
    6: (ipaddress.ip_network("2001:db8::/32"),),
}
"""Networks that nobody has, for documentation and tests."""


_LEAST_TELLING: Final = 3


class MadeUp:
    """The made-up names of one recording. ``kept`` is text whose words stay as they are."""

    def __init__(self, kept: str) -> None:
        self._kept = kept
        self._names: dict[tuple[str, str], str] = {}
        self._short: dict[str, str] = {}
        self._counts: Counter[str] = Counter()
        self._stays: dict[str, bool] = {}
        self._everywhere: dict[str, str] = {}
        self._pattern: re.Pattern[str] | None = None
        self._networks = sorted(_networks(kept), key=lambda network: -network.prefixlen)

    def stays(self, word: str) -> bool:
        """Whether the rule files name this very word."""
        if word not in self._kept:
            return False
        known = self._stays.get(word)
        if known is None:
            known = re.search(rf"(?<![\w.-]){re.escape(word)}(?![\w-]|\.\w)", self._kept) is not None
            self._stays[word] = known
        return known

    def name(self, kind: str, word: str) -> str:
        """The made-up name for a word of a kind; the word itself if it stays."""
        if self.stays(word):
            return word
        known = self._names.get((kind, word.lower()))
        if known is None:
            self._counts[kind] += 1
            known = self._names[kind, word.lower()] = self._make(kind, word, self._counts[kind])
            self.replace_everywhere(word, known)
        return known

    def replace_everywhere(self, word: str, name: str) -> None:
        """Note that a word that was replaced once is replaced wherever it stands, unless it is an ordinary one."""
        bare = word.strip().lower()
        if len(bare) >= _LEAST_TELLING and bare not in ORDINARY and not bare.isdigit() and not self.stays(word.strip()):
            self._everywhere.setdefault(bare, name)
            self._pattern = None

    def replace_all(self, text: str) -> str:
        """The text with every word in it made up that was made up before, in whatever it stood."""
        if not self._everywhere:
            return text
        if self._pattern is None:
            words = sorted(self._everywhere, key=len, reverse=True)
            alternatives = "|".join(re.escape(word) for word in words)
            self._pattern = re.compile(rf"(?<![A-Za-z0-9])(?:{alternatives})(?![A-Za-z0-9])", re.IGNORECASE)
        return self._pattern.sub(lambda match: self._everywhere.get(match[0].lower(), match[0]), text)

    def replace_short(self, word: str) -> str:
        """What a word became that is the short name of a machine, elsewhere named in full; else the word."""
        return self._short.get(word.lower(), word)

    def _make(self, kind: str, word: str, number: int) -> str:
        match kind:
            case "email":
                return f"person{number}@{self._domain(word.partition('@')[2])}"
            case "ipv4" | "ipv6":
                return self._address(ipaddress.ip_address(word), number)
            case "host":
                self._remember_short(word.partition(".")[0], f"host{number}")
                return f"host{number}.{self._domain(word.partition('.')[2])}"
            case "short":
                self._remember_short(word, f"machine{number}")
                return f"machine{number}"
            case _:
                return f"{kind}-{number}"

    def _remember_short(self, word: str, name: str) -> None:
        """Only words that are plainly names: a machine called ``mail`` must not change every text about mail."""
        if len(word) >= 3 and re.search(r"[0-9_-]", word) and not word.isdigit() and not self.stays(word):
            self._short.setdefault(word.lower(), name)

    def _domain(self, domain: str) -> str:
        """The longest end of a domain that the rule files name, else one that nobody has."""
        labels = domain.lower().split(".")
        ends = (".".join(labels[start:]) for start in range(len(labels) - 1))
        return next((end for end in ends if self._is_named(end)), "example.org")

    def _is_named(self, end: str) -> bool:
        return end in self._kept and re.search(rf"(?<![\w-]){re.escape(end)}(?![\w-])", self._kept) is not None

    def _address(self, address: ipaddress.IPv4Address | ipaddress.IPv6Address, number: int) -> str:
        named = [network for network in self._networks if network.version == address.version and address in network]
        for network in (*named, *_NAMELESS[address.version]):
            if number < network.num_addresses - 1:
                return str(network.network_address + number)
        return str(_NAMELESS[address.version][-1].network_address)


def _networks(kept: str) -> list[Network]:
    networks: list[Network] = []
    for word in _NETWORK.findall(kept):
        try:
            networks.append(ipaddress.ip_network(word, strict=False))
        except ValueError:
            continue
    return networks
