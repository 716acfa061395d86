"""``explore()``: prompts, fields and seeds become a grid of pictures while one looks.

Read in this order: `explore` (what the code gives), `sweep` (prompts x ratios x seeds as values),
`tables` (a sweep as a frame, a run and code), `controls` (the fields; `inputs`, `file_input` and
`control` make one of each kind), `quote` (the price before the click), `runner` (a run in a
thread), `board` (the pictures), and `form`, which holds them together. `memory` keeps what was
typed when a cell is run again.
"""
