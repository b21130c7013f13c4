"""The page: your tiny GPT beside GPT-2. `page.build_demo` shows what `engine.Contestant` answers."""
