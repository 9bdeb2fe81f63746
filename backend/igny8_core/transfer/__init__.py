"""Whole accounts, out of an installation and into one: archives, and what travels in them."""
