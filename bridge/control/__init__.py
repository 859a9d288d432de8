"""The product's own JSON API under ``/api`` (docs/api.md): what the command line and the pages ask of the daemon."""
