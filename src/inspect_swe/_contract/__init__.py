"""What an adapter is written against."""
