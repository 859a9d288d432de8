"""Reactions and replies in chat, read over the bot's own websocket: what buttons do, where nobody may call us."""
