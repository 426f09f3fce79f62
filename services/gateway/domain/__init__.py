"""The gateway's rules, pure: what a client has been shown, what it may send, and what it is answered."""
