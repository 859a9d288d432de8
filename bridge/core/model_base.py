"""The base of every settings record: frozen, and strict about keys."""

from __future__ import annotations

from typing import Any, get_origin

from pydantic import BaseModel, ConfigDict, model_validator


class SettingsRecord(BaseModel):
    """A frozen settings record; unknown keys are errors, and a section with nothing in it means its defaults."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, arbitrary_types_allowed=True, hide_input_in_errors=True, populate_by_name=True
    )

    @model_validator(mode="before")
    @classmethod
    def _empty_sections_are_defaults(cls, given: Any) -> Any:
        if given is None:
            return {}
        if not isinstance(given, dict) or None not in given.values():
            return given
        sections = {
            field.alias or name for name, field in cls.model_fields.items() if get_origin(field.annotation) is dict
        }
        return {key: {} if value is None and key in sections else value for key, value in given.items()}
