"""One prediction over HTTP: the client, its calls, the throttle and the retries."""

from __future__ import annotations
