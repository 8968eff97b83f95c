"""The market out to everybody: events in, WebSocket streams out (API sections 11 and 12)."""
