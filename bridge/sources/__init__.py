"""Where messages come from beside the AMS API. One kind is one file; ``kinds.py`` lists them."""
