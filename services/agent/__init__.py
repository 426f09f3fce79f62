"""The agent: claims turns, finds what the help pages know, and streams an answer that cites it."""
