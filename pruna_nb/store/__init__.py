"""What must not be forgotten: the journal of paid requests, the cache of outputs, one database."""
