"""Who sits on which side, and how they come to sit there."""
