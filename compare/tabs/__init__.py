"""One file a tab, and what the tabs share. No torch."""
