"""Recipes: one YAML file a system, and the module that reads them."""
