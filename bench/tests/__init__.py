"""Tests of the bench itself: `python3 -m unittest discover --start-directory bench`."""
