"""The AMS HTTP API, as existing AMS clients speak it (docs/ams-compatibility.md). Only this room knows AMS's words."""
