"""The couriers' side of the line: lease due deliveries, deliver each once, settle the outcome."""
