"""The words of messages and deliveries in a file beside the store, which may be thrown away and is made anew."""

from broker.engines.sqlite.search.index import SqliteSearch as SqliteSearch
