"""``explore()``: prompts, fields and seeds become a grid of pictures while one looks."""
