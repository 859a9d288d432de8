"""Messages as rules see them: decoding, topics, time intervals and moments."""
