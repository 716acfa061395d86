"""All pictures of a comparison with their names."""


def test_a_grid_is_shown_where_nothing_can_be_written(compare, tmp_path):
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "votes").write_text("a file where a folder belongs")
    assert compare(seeds=1).grid().html().count("<img ") == 2


def test_the_grid_has_a_column_for_each_variant_and_a_row_for_each_cell(compare):
    grid = compare(seeds=2, aspect_ratio=["1:1", "16:9"]).grid()
    assert grid.cols == ("a fox", "a fox, studio light")
    assert grid.rows == (
        "seed 1 · aspect_ratio 1:1",
        "seed 2 · aspect_ratio 1:1",
        "seed 1 · aspect_ratio 16:9",
        "seed 2 · aspect_ratio 16:9",
    )
    assert len(grid.cells) == 8
    assert grid.html().count("<img ") == 8


def test_rows_of_the_grid_that_read_alike_stay_apart(compare):
    variants = ["make it night", "make it snow"]
    prompts = [{"images": [b"one"]}, {"images": [b"two"]}]
    grid = compare(variants, model="p-image-edit", prompts=prompts, seeds=None).grid()
    assert len(grid.rows) == 2


def test_a_failed_picture_says_why_in_the_grid(compare, maker):
    maker.broken = lambda request: request["seed"] == 1
    assert "refused" in compare(seeds=1).grid().html()
