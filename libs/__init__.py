"""What the services share: contracts (what is said) and runtime (how a service runs)."""
