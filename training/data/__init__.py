"""Text in, numbered examples out: where text comes from, its tokens, its examples."""
