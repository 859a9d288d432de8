"""The last mile, proven: marked posts that a bot has to find in their channel, and who is told when it does not."""
