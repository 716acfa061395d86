"""``out.pruna.rate()``: one picture after the other, seen large, with a rating and tags.

`form` is all of it. What it stores is in ``pruna_nb.store.ratings``, and how that becomes columns
of a frame in ``pruna_nb.frames.ratings``.
"""
