"""The cases, a module for each part of docs/spec/card.md."""
