"""Transit under way: paths, rides, gates, platforms, vehicles and the taps they leave."""
