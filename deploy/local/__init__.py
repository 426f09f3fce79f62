"""Deskbus on one machine with no container engine: real servers from wheels, and a supervisor for the services."""
