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


def test_after_the_votes_the_grid_marks_who_won_and_who_lost(compare):
    comparison = compare(seeds=4)
    verdicts = iter(["left", "right", "tie", "both_bad"])
    form = comparison.vote()
    form._clock = iter(range(0, 1000, 10)).__next__
    form.start()
    while form.current is not None:
        assert form.vote(next(verdicts), side_by_side=True)
    notes = sorted(cell.note for cell in comparison.grid().cells)
    won, lost = "\N{BLACK STAR} won", "lost"
    assert notes == sorted([won, lost] * 2 + ["equally good"] * 2 + ["both bad"] * 2)
    winners = comparison.votes.set_index("seed")["winner"].dropna().to_dict()
    stars = {
        int(cell.row_value.split()[-1]): cell.col_value
        for cell in comparison.grid().cells
        if cell.note == won
    }
    assert stars == winners
    assert comparison.grid().html().count(won) == 2


def test_votes_of_several_people_are_counted_in_the_grid(compare):
    comparison = compare(seeds=1)
    for rater in ("ann", "bob"):
        form = comparison.vote(rater)
        form._clock = iter(range(0, 1000, 10)).__next__
        form.start()
        assert form.vote("tie" if rater == "bob" else "left", side_by_side=True)
    assert sorted(cell.note for cell in comparison.grid().cells) == [
        "lost 1, equally good 1",
        "\N{BLACK STAR} won 1, equally good 1",
    ]


def test_a_grid_before_the_votes_has_no_marks(compare):
    assert {cell.note for cell in compare(seeds=1).grid().cells} == {""}


def test_what_all_pictures_share_stands_once_above_the_grid(compare):
    grid = compare(seeds=2, aspect_ratio="1:1").grid()
    assert "aspect ratio 1:1" in grid.shared
    assert "p-image" in grid.shared
    assert not any("1:1" in str(row) for row in grid.rows)
