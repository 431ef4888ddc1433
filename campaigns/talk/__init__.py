"""What is said to a card: valid dialogues from a seed, and everything that can go wrong in them."""
