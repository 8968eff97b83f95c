"""The matcher: one process that orders, journals and executes everything the exchange is asked."""
