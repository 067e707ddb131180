"""The engine of interactive agents."""
