"""The rule language: YAML files to rules, every problem with its place, and the schema for editors."""
