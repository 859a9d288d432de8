"""Where messages come from beside the AMS API. One kind is one file; ``source_kinds.py`` lists them."""
