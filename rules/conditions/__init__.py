"""Conditions of rules: JSONPath places, operators, and the index that finds the rules worth asking."""
