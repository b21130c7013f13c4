"""The page: `page.build_demo` shows what `engine.Contestant` answers."""
