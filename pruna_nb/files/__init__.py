"""Files that go in and come out: what they are, whether they are whole, how they look.

Stands on the ground: nothing here knows the service or a frame. Pillow, numpy and PyAV are imported
where they are used. Read in this order: `kinds` (the one sniffer), `checks` (whether a file is
whole, with `clips`, `png` and `decode`), `inputs` (what a person gives, with `arrays`), `archive`
(zips for trainers), `media_store` (outputs in the cache folder, with `owned`), `disk` (private
folders, whole files).
"""
