"""What HTTP destinations share: client, call, payloads, plain text, colours, redaction, signing."""
