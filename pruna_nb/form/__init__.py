"""``explore()``: prompts, fields and seeds become a grid of pictures while one looks.

Read in this order: `explore` (what the code gives), `sweep` (prompts x ratios x seeds as values;
`choices` makes several prompts of one),
`tables` (a sweep as a frame, a run and code), `controls` (the fields; `inputs`, `file_input` and
`control` make one of each kind), `quote` (the price before the click), `rounds` (one a click),
`runner` (a run in a thread), `board` (the pictures; `tile` is one of them, `enlarged` shows it
large, `versus` two against each other), `screen` (buttons and what is said), and `form`, which
holds them together. `memory` keeps what was typed and made when a cell is run again, `keeping` the
favourites, on disk; `onwards` sets the fields for what follows from a picture.
"""
