"""Inside: why that word?"""
