"""The drivers of the agent, each module named for its technology."""
