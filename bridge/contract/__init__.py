"""The suite that holds every destination kind to its promises, built-in kinds and plugins' alike; pytest runs it.

A test file of a plugin subclasses ``DestinationContract`` and says how a rig of its kind is opened (docs/plugins.md).
"""
