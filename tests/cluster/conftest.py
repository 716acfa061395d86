from tests.helpers.fixtures import own_files, quickly

__all__ = ["own_files", "quickly"]
