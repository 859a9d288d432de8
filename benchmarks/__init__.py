"""How fast it is, beside what the machine could do at best: ``python -m benchmarks`` (or ``make bench``).

The whole run writes the table of docs/performance.md. ``publish``, ``pull``, ``rules``, ``deliveries``, ``latency``,
``start`` and ``backlog`` make its rows; ``store_sqlite``, ``courier``, ``rules_conditions`` and ``rules_render`` are
close-ups that are run by themselves (``python -m benchmarks.store_sqlite``).
"""
