"""The language of the stories: words, sentence patterns, what sentences need and make."""
