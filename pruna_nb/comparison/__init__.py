"""Comparisons: variants side by side on the same seeds, blind votes on disk, statistics.

Read in this order. What is made and judged: `variants`, `items`, `pairs`. Votes: `votes` (on
disk), `ballots` (pairs put to the vote), `vote_html`, `vote_media`, `vote_large`, `vote_form`. What
the votes show: `stats`, `bradley_terry`, `summary`, then `sentences`, `result_html` and `plot`, and
`result`, which has all of them. On top `comparison` with its `picture_grid` and `scores`, and
`compare`, which runs the models.

A cell is one item (of ``prompts=``), setting and seed; a row is one variant's picture of a cell; a
pair is two rows of one cell; a vote is a rater's verdict on a pair.
"""
