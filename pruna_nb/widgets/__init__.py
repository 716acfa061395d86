"""The small parts that notebooks share: login, a run's panel, and what keeps a widget's copy.

Read in this order: `login` (a key that is typed), `secret` (its field), `panel` (a run's progress),
`lightbox` (a picture seen large), `chosen` (its buttons that select and keep), `live_grid` (a
frame's grid with both), `about` (what is known of a picture), `keys` (keys and clicks that click
buttons), `saved_copy` (HTML that the saved notebook keeps beside a widget), `notes` (a line of
text). The form is in ``form``, the vote in ``comparison``.
"""
