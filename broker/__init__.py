"""The durable middle: topics, subscriptions, messages and state. Knows no HTTP, no rules, no bridge."""
