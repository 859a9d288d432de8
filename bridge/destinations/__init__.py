"""Where deliveries go. One kind is one file, one class, one config record; ``kinds.py`` lists them."""
