"""Many predictions, none paid for twice.

Read in this order: `plan` decides what becomes of each row before anything is spent (`job`,
`options`, `first_seed`, `budget`). `run` starts the threads of a `schedule`. `send` sends a request
as the throttle gives leave, with its intent and its id in the journal. `fetch` asks where it stands
(`polling`) and stores its output. `adopt` resumes or watches what another run sent. All share
`state`; `health` says when refusals end a run. `pipeline` feeds the rows that one run has done to
the next. `progress` shows it, in a notebook as a `line`; `interrupts` stops it safely.
"""
