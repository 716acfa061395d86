"""One prediction over HTTP.

Read in this order: `client` (create, wait, deliver, with retries), `key_check` (whether the service
accepts a key), `endpoints` (the API's requests,
one try each), `replies` and `matching` (what a response says, and whether it is this request's),
`transport` and `connections` (the key, deadlines, what was sent), `urls` (where requests may go),
`throttle`, `shared_slots` and `slots` (the limit of a key, on this machine), `retry`, `upload`.
"""

from __future__ import annotations
