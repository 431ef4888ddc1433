"""One module a kind of reader; the part of a URL before `://` picks it."""
