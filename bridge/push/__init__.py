"""AMS push subscriptions: read at the subscription's offset, post, advance after success."""
