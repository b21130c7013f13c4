"""The Train tab: one file a lesson."""
