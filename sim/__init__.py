"""The city: people, vehicles, gates and tills, and the truth about each tap."""
