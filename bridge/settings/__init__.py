"""bridge.yaml: its model, its file, its errors."""
