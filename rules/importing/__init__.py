"""Configurations of other systems, read and rewritten as rule files. Pure: texts in, texts out."""
