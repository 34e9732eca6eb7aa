"""What travels: events, observations, places and CAP messages, and how they become bytes."""
