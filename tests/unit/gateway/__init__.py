"""The gateway's rules and use cases."""
