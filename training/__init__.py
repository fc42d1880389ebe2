"""Recipes that make what stages load; none yet."""
