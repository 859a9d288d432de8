"""The suites that hold destination and source kinds to their promises, built-in and plugins' alike; pytest runs them.

A test file of a plugin subclasses ``DestinationContract`` and says how a rig of its kind is opened, or
``SourceContract`` and gives its recorded calls or its service (docs/plugins.md).
"""
