"""``python -m bridge.cli``: the command ``ams-bridge``, where its Python is at hand and its folder of programs not."""

from __future__ import annotations

from bridge.cli.main import main

if __name__ == "__main__":
    main(prog_name="ams-bridge")
