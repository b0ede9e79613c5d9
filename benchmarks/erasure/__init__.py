"""What an erasure takes away, what it leaves to others, and how long it takes."""
