"""Tools around the rules: run tests, explain, simulate, backtest, record, coverage."""
