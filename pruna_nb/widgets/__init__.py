"""What a person fills in and watches: the form, the vote, the progress panel, login.

The only room that knows ipywidgets. It knows nothing of tables: what makes frames is handed in.
"""

from __future__ import annotations
