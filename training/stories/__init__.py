"""A small world whose facts are known: it writes stories, and reads them with a checking eye."""
