"""Where alerts come in unless somebody says otherwise: the topic of a fresh configuration."""

from __future__ import annotations

from typing import Final

TOPIC: Final = "projects/OPS/topics/alerts"
