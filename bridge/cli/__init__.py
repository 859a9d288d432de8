"""The command line. One group of commands is one file; ``main.py`` puts them together."""
