"""What the tests stand on: real servers, the system as processes, and clients that check what they see."""
