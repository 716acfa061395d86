"""``explore()``: prompts, fields and models become a grid of pictures while one looks.

Read in this order: `explore` (what the code gives; `states` reads it), `sweep` (prompts x models x
any fields as values; `choices` makes several prompts of one), `tables` (a sweep as a frame, a run
and code), `controls` (the fields; `models_input`, `inputs`, `file_input` and `control` make one of
each kind, `several` what takes several values), `quote` (the price before the click), `rounds` (one
a click), `runner` (a run in a thread), `board` (the pictures on the rows and columns of `axes`,
which `axes_input` chooses; `tile` is one of them, `enlarged` shows it large, `versus` two against
each other), `screen` (buttons and what is said), `records` (what was made, as frames), and `form`,
which holds them together. `memory` keeps what was typed and made when a cell is run again,
`remembering` the same on disk for the next kernel, `keeping` the favourites; `onwards` sets the
fields for what follows from a picture.
"""
