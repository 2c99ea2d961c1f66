"""What a turn is, and how three engines answer one. Standard library only."""
