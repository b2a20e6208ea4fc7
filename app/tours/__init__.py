"""Scheduled tours, planned in a process of their own."""
