"""YAML text to rules, event to decision. Pure but for reading files; knows no broker and no bridge."""
