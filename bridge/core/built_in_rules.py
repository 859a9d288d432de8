"""The names that stand in place of a rule on what the daemon posts by itself; no rule of a file can be called so."""

from __future__ import annotations

from typing import Final

CANARY_RULE: Final = "(canary)"
"""What the canaries send."""
DIGEST_RULE: Final = "(digest)"
"""A digest of deliveries that were collapsed into one."""
