"""The rack: readers and cards as URLs, played and timed."""
