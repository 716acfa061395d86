"""Files that go in and come out: what they are, whether they are whole, how they look.

Stands on the ground: nothing here knows the service, the cache or a frame. Pillow, numpy and
PyAV are imported where they are used.
"""
