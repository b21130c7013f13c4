"""How a model leaves: one module a kind, each with `export(model, output, against) -> Path`."""
