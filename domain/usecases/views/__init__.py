"""Rows as JSON-ready dicts, one file per noun: HTTP, socket results and event data share these shapes."""
