"""What every card must answer, whatever it is made of: the same cases behind every URL."""
