"""Where deliveries go. One kind is one file, one class, one config record; ``destination_kinds.py`` lists them."""
