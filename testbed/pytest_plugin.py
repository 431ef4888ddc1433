"""`pytest scenarios` runs every scenario file as an ordinary test."""

from __future__ import annotations
