"""The voting form without a browser: buttons clicked, keys typed, votes counted."""

import html
import re
from pathlib import Path

import pytest
from PIL import Image

from pruna_nb import settings
from pruna_nb.comparison.ballots import Ballot
from pruna_nb.comparison.vote_form import VoteForm
from pruna_nb.errors import CacheError, MissingExtraError
from pruna_nb.store.favourites import Favourite, Favourites
from tests.form.parts import everything


class Clock:
    """Goes on when it is told to."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


class Box:
    """A ballot box that remembers what was cast and taken back."""

    def __init__(self):
        self.votes = []
        self.revealed = 0
        self.trouble = None

    def cast(self, ballot, verdict, seconds):
        if self.trouble:
            raise self.trouble
        self.votes.append((ballot.key, verdict, seconds))

    def retract(self, ballot):
        if self.trouble:
            raise self.trouble
        assert self.votes.pop()[0] == ballot.key

    def reveal(self):
        if self.trouble:
            raise self.trouble
        self.revealed += 1
        return "<p>studio won</p>"


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def ballots(tmp_path):
    made = []
    for number in range(3):
        paths = []
        for side, color in (("left", "red"), ("right", "blue")):
            path = tmp_path / f"{number}-{side}.png"
            Image.new("RGB", (96 + number, 64), color).save(path)
            paths.append(str(path))
        made.append(Ballot(f"k{number}", *paths, prompt=f"fox {number}", note=f"seed {number}"))
    return made


@pytest.fixture
def votes():
    return Box()


@pytest.fixture
def make(ballots, clock, votes):
    def make(these=ballots, **more):
        return VoteForm(
            these, cast=votes.cast, retract=votes.retract, reveal=votes.reveal, clock=clock, **more
        )

    return make


def find(widget, name):
    """Give the widgets with a class, in order."""
    found = [widget] if name in getattr(widget, "_dom_classes", ()) else []
    for child in getattr(widget, "children", ()):
        found += find(child, name)
    return found


def part(form, name, bar=None):
    root = find(form.box, f"p-vote-{bar}")[0] if bar else form.box
    return find(root, f"p-vote-{name}")[0]


def click(form, name, bar=None):
    button = part(form, name, bar)
    if not button.disabled:
        button.click()


def press(form, key, bar="wide"):
    part(form, "keys", bar).value = key


def shown(form, name):
    return part(form, name).layout.display != "none"


def begin(form, clock):
    click(form, "start")
    clock.now += 2
    return form


def test_nothing_is_shown_before_the_start(make):
    form = make()
    assert shown(form, "intro-part")
    assert not shown(form, "vote-part")
    assert "3 pairs" in part(form, "intro").value
    assert part(form, "stage").value == ""


def test_both_pictures_of_the_first_pair_are_shown(make, clock):
    form = begin(make(), clock)
    stage = part(form, "stage").value
    assert stage.count("<img src='data:image/webp;base64,") == 2
    assert "alt='the left picture'" in stage
    assert "Pair 1 of 3" in part(form, "head").value
    assert "fox 0" in part(form, "prompt").value
    assert "seed 0" in part(form, "prompt").value


def test_both_pictures_keep_their_shape(make, clock):
    stage = part(begin(make(), clock), "stage").value
    assert stage.count("aspect-ratio:96/64") == 2


def test_a_small_picture_is_drawn_as_large_as_the_other(tmp_path, make, clock):
    Image.new("RGB", (512, 512)).save(tmp_path / "small.png")
    Image.new("RGB", (1024, 1024)).save(tmp_path / "large.png")
    ballot = Ballot("k", str(tmp_path / "small.png"), str(tmp_path / "large.png"))
    stage = part(begin(make([ballot]), clock), "stage").value
    assert stage.count("aspect-ratio:1024/1024") == 2


@pytest.mark.parametrize(
    ("size", "width"),
    # Two with longer sides of 512 pixels, and 16 between them; a smaller picture can't be larger.
    [((1024, 1024), 1040), ((1344, 768), 1040), ((768, 1344), 602), ((200, 100), 416)],
)
def test_side_by_side_counts_from_the_width_at_which_both_are_large(
    tmp_path, make, clock, size, width
):
    Image.new("RGB", size).save(tmp_path / "a.png")
    ballot = Ballot("k", *[str(tmp_path / "a.png")] * 2)
    stage = part(begin(make([ballot]), clock), "stage").value
    assert int(re.search(r"min-width: (\d+)px", stage)[1]) == pytest.approx(width, abs=2)


def test_names_and_paths_are_nowhere_in_the_form(make, clock, ballots):
    form = begin(make(), clock)
    everything = [part(form, name).value for name in ("head", "prompt", "stage", "intro")]
    assert not any(ballots[0].left in text or ".png" in text for text in everything)


def test_a_prompt_is_text_whatever_it_holds(make, clock, ballots):
    evil = Ballot("k", ballots[0].left, ballots[0].right, prompt="<script>x</script> $5 or $6")
    value = part(begin(make([evil]), clock), "prompt").value
    assert "<script" not in value
    assert "&lt;script&gt;" in value
    assert "mathjax_ignore" in value


@pytest.mark.parametrize(
    ("key", "verdict"), [("f", "left"), ("j", "right"), ("t", "tie"), ("b", "both_bad")]
)
def test_a_key_where_both_are_large_votes_and_goes_on(make, clock, votes, key, verdict):
    form = begin(make(), clock)
    press(form, key)
    assert votes.votes == [("k0", verdict, 2.0)]
    assert form.current.key == "k1"
    assert part(form, "keys", "wide").value == ""
    assert "Pair 2 of 3" in part(form, "head").value


@pytest.mark.parametrize(
    ("name", "verdict"), [("left", "left"), ("right", "right"), ("tie", "tie"), ("bad", "both_bad")]
)
def test_a_button_where_both_are_large_votes(make, clock, votes, name, verdict):
    form = begin(make(), clock)
    click(form, name, "wide")
    assert votes.votes == [("k0", verdict, 2.0)]


def test_capital_letters_count_too(make, clock, votes):
    press(begin(make(), clock), "F")
    assert votes.votes[0][1] == "left"


def test_keys_that_pile_up_count_once_by_the_last(make, clock, votes):
    press(begin(make(), clock), "fj")
    assert [vote[:2] for vote in votes.votes] == [("k0", "right")]


def test_other_keys_do_nothing_and_leave_the_field_empty(make, clock, votes):
    form = begin(make(), clock)
    for key in ("x", "7", "é", "<"):
        press(form, key)
        assert part(form, "keys", "wide").value == ""
    assert votes.votes == []


def test_elsewhere_a_vote_is_locked_until_each_was_seen_large(make, clock, votes):
    form = begin(make(), clock)
    press(form, "f", "narrow")
    click(form, "left", "narrow")
    assert votes.votes == []
    click(form, "show-left")
    press(form, "f", "narrow")
    assert votes.votes == []
    assert "Look at each picture large first" in part(form, "status").value
    click(form, "show-right")
    assert all(not part(form, name, "narrow").disabled for name in ("left", "right", "tie", "bad"))
    press(form, "f", "narrow")
    assert [vote[:2] for vote in votes.votes] == [("k0", "left")]


def test_space_shows_one_after_the_other_and_unlocks(make, clock, votes):
    form = begin(make(), clock)
    press(form, " ", "narrow")
    assert "p-vote-view-left" in form.box._dom_classes
    press(form, " ", "narrow")
    assert "p-vote-view-right" in form.box._dom_classes
    assert "p-vote-view-left" not in form.box._dom_classes
    click(form, "tie", "narrow")
    assert [vote[:2] for vote in votes.votes] == [("k0", "tie")]


def test_the_next_pair_is_locked_again_and_keeps_the_way_of_looking(make, clock, votes):
    form = begin(make(), clock)
    for key in "  j":
        press(form, key, "narrow")
    assert form.current.key == "k1"
    assert "p-vote-view-left" in form.box._dom_classes
    assert part(form, "left", "narrow").disabled
    clock.now += 2
    press(form, "j", "narrow")
    assert len(votes.votes) == 1
    press(form, " ", "narrow")
    press(form, "j", "narrow")
    assert len(votes.votes) == 2


def test_the_open_bar_does_not_count_while_one_picture_is_shown_alone(make, clock, votes):
    form = begin(make(), clock)
    click(form, "show-left")
    press(form, "f", "wide")
    assert votes.votes == []
    press(form, "s", "narrow")
    press(form, "f", "wide")
    assert len(votes.votes) == 1


def test_a_vote_before_the_pair_can_have_been_seen_does_not_count(make, clock, votes):
    form = begin(make(), clock)
    press(form, "f")
    press(form, "f")
    assert len(votes.votes) == 1
    assert "too quick to have seen both" in part(form, "status").value
    clock.now += 0.5
    press(form, "f")
    assert len(votes.votes) == 2


def test_undo_takes_the_vote_back_and_shows_its_pair_again(make, clock, votes):
    form = begin(make(), clock)
    press(form, "f")
    clock.now += 1
    press(form, "u")
    assert votes.votes == []
    assert form.current.key == "k0"
    assert "Pair 1 of 3" in part(form, "head").value
    clock.now += 1
    press(form, "j")
    assert [vote[:2] for vote in votes.votes] == [("k0", "right")]


def test_there_is_nothing_to_undo_at_first(make, clock, votes):
    form = begin(make(), clock)
    assert part(form, "undo").disabled
    press(form, "u")
    assert "no vote to undo" in part(form, "status").value


def judge_all(form, clock, key="f"):
    while form.current:
        clock.now += 1
        press(form, key)


def test_the_result_is_revealed_after_the_last_pair_and_not_before(make, clock, votes):
    form = begin(make(), clock)
    assert votes.revealed == 0
    judge_all(form, clock)
    assert votes.revealed == 1
    assert form._result == "<p>studio won</p>"
    assert "All 3 pairs judged" in part(form, "outro").value
    assert part(form, "stage").value == ""


def test_undo_at_the_end_hides_the_result_and_goes_back(make, clock, votes):
    form = begin(make(), clock)
    judge_all(form, clock)
    press(form, "u", "undo-row")
    assert form._result == ""
    assert form.current.key == "k2"
    assert len(votes.votes) == 2


def test_stopping_early_shows_the_result_and_lets_one_go_on(make, clock, votes):
    form = begin(make(), clock)
    press(form, "f")
    click(form, "finish")
    assert votes.revealed == 1
    assert "1 of 3 pairs judged" in part(form, "outro").value
    click(form, "go-on")
    assert form.current.key == "k1"
    assert form._result == ""


def test_a_new_form_goes_on_where_the_last_one_ended(make, clock):
    form = make(judged=["k0", "k1"])
    assert "2 of them judged" in part(form, "intro").value
    assert part(form, "start").description == "Go on"
    begin(form, clock)
    assert form.current.key == "k2"


def test_what_another_form_judges_or_undoes_meanwhile_is_taken_in(make, clock):
    elsewhere = []
    own = []
    form = begin(make(judged=lambda: [*elsewhere, *own]), clock)
    elsewhere.append("k1")
    own.append("k0")
    press(form, "f")
    assert form.current.key == "k2"
    assert "Pair 3 of 3" in part(form, "head").value
    elsewhere.clear()
    clock.now += 2
    own.append("k2")
    press(form, "f")
    assert form.current.key == "k1"


def test_a_form_of_judged_pairs_shows_the_result_at_once(make, votes):
    form = make(judged=["k2", "k0", "k1"])
    assert shown(form, "outro-part")
    assert votes.revealed == 1


def test_votes_on_pairs_of_another_design_are_not_counted(make):
    assert "0 of 3 judged" in part(make(judged=["other"]), "head").value


def test_a_picture_that_is_gone_is_left_out_and_said(make, clock, ballots, tmp_path):
    (tmp_path / "0-left.png").unlink()
    form = begin(make(), clock)
    assert form.current.key == "k1"
    assert "Pair 1 of 2" in part(form, "head").value
    judge_all(form, clock)
    assert "1 pair is left out" in part(form, "outro").value
    assert "the file is gone" in part(form, "outro").value


def test_reasons_for_leaving_out_are_counted(make):
    intro = part(make(left_out=["a picture is missing: failed"] * 2), "intro").value
    assert "2 pairs are left out" in intro
    assert "a picture is missing: failed</bdi> (2 pairs)" in intro


def test_nothing_to_judge_is_said(make, votes):
    form = make([], left_out=["a picture is missing: failed"])
    assert "There is nothing to judge." in part(form, "outro").value
    assert votes.revealed == 0


def test_a_vote_that_cannot_be_kept_does_not_go_on(make, clock, votes):
    form = begin(make(), clock)
    votes.trouble = CacheError("no space left")
    press(form, "f")
    assert form.current.key == "k0"
    assert "The vote was not saved: no space left" in part(form, "status").value
    votes.trouble = None
    press(form, "f")
    assert form.current.key == "k1"


def test_an_undo_that_cannot_be_kept_leaves_the_vote(make, clock, votes):
    form = begin(make(), clock)
    press(form, "f")
    votes.trouble = CacheError("no space left")
    press(form, "u")
    assert form.current.key == "k1"
    assert "The vote still stands" in part(form, "status").value


def test_without_statistics_the_votes_are_kept_and_the_extra_is_named(make, clock, votes):
    form = begin(make(), clock)
    press(form, "f")
    votes.trouble = MissingExtraError("The statistics of a comparison", "compare")
    click(form, "finish")
    assert "The votes are saved." in form._result
    assert "pruna_nb[compare]" in form._result


def test_a_video_plays_on_its_side(make, clock, tmp_path):
    av = pytest.importorskip("av")
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=8)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for _ in range(4):
            frame = av.VideoFrame.from_image(Image.new("RGB", (64, 48), "red"))
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    stage = part(begin(make([Ballot("k", str(path), str(path))]), clock), "stage").value
    assert stage.count("<video src='data:video/mp4;base64,") == 2
    assert "aspect-ratio:1600/1200" in stage


def test_a_video_that_is_too_long_is_left_out(make, clock, tmp_path, monkeypatch):
    path = tmp_path / "a.mp4"
    path.write_bytes(b"\0\0\0\x18ftypmp42" + b"\0" * 1000)
    monkeypatch.setattr("pruna_nb.comparison.vote_media.VIDEO_BYTES", 500)
    form = begin(make([Ballot("k", str(path), str(path))]), clock)
    assert "a video cannot be shown" in part(form, "outro").value


def test_the_result_stands_in_an_output_of_its_own_below_the_form(make, clock, monkeypatch):
    shows, updates = [], []

    class Handle:
        def update(self, content, *, raw):
            assert raw
            updates.append(content["text/html"])

    def show(content, *, display_id=None, raw=False):
        shows.append(content)
        return Handle() if display_id else None

    monkeypatch.setattr("IPython.display.display", show)
    form = make()
    form._ipython_display_()
    assert shows[0]["application/vnd.jupyter.widget-view+json"]["model_id"] == form.box.model_id
    assert shows[0]["text/plain"] == "<VoteForm: 0 of 3 pairs judged>"
    assert "needs a running kernel and Jupyter widgets" in shows[0]["text/html"]
    assert shows[1]["text/html"] == ""
    begin(form, clock)
    judge_all(form, clock)
    assert updates[-1] == "<p>studio won</p>"


def test_the_picture_that_is_large_is_kept_without_telling_which_variant_it_is(
    make, clock, ballots
):
    def favourite(path):
        return Favourite(
            id=Path(path).name, home="", model="studio-model", input={"prompt": "fox"}, output=path
        )

    form = make(favourite=favourite)
    begin(form, clock)
    store = Favourites(settings.current().cache_dir)
    press(form, "k")  # neither is large: nothing is kept
    assert store.all() == []
    form.show("right")
    press(form, "k", "narrow")
    assert [each.output for each in store.all()] == [form.current.right]
    (keep,) = find(form.box, "pruna-large-keep")
    assert keep.description == "Kept"
    form.show("left")
    assert keep.description == "Keep"
    keep.click()
    assert len(store.all()) == 2
    keep.click()
    assert [each.output for each in store.all()] == [form.current.right]
    seen = "".join(str(getattr(each, "value", "")) for each in everything(form.box))
    assert "studio-model" not in seen
    assert Path(form.current.right).name not in seen
    assert "download='right'" in seen


def test_its_repr_says_how_far_it_is(make):
    assert repr(make(judged=["k0"])) == "<VoteForm: 1 of 3 pairs judged>"


def test_a_host_without_widgets_says_how_to_vote_from_code_and_so_it_goes(make, clock, votes):
    form = make()
    said = html.unescape(form._repr_html_())
    assert "0 of 3 pairs judged" in said
    code = said[said.index("<code>") + len("<code>") : said.index("</code>")]
    first, start, *pair, vote = code.splitlines()
    assert first == "vote = comparison.vote()"
    exec(start, {"vote": form})  # noqa: S102 - the code that a reader would copy
    clock.now += 10
    exec("\n".join([*pair, vote]), {"vote": form})  # noqa: S102
    assert [verdict for _, verdict, _ in votes.votes] == ["left"]
    assert "1 of 3 pairs judged" in form._repr_html_()


def test_a_click_on_a_picture_enlarges_it_and_the_next_shows_both_and_neither_votes(
    make, clock, votes
):
    form = begin(make(), clock)
    for side in ("left", "right"):
        click(form, f"on-{side}")
        assert f"p-vote-view-{side}" in form.box._dom_classes
        click(form, f"on-{side}")
        assert "p-vote-view-both" in form.box._dom_classes
    assert votes.votes == []


def test_seen_large_side_by_side_is_enough_also_for_one_alone(make, clock, votes):
    form = begin(make(), clock)
    on_left = find(form.box, "p-vote-on-left")
    wide = next(button for button in on_left if "p-vote-only-wide" in button._dom_classes)
    wide.click()
    assert "p-vote-view-left" in form.box._dom_classes
    press(form, "f", "narrow")
    assert [vote[:2] for vote in votes.votes] == [(form._judged[0], "left")]


def test_from_where_the_pictures_are_small_each_is_to_be_seen_alone(make, clock, votes):
    form = begin(make(), clock)
    on_left = find(form.box, "p-vote-on-left")
    narrow = next(button for button in on_left if "p-vote-only-narrow" in button._dom_classes)
    narrow.click()
    press(form, "f", "narrow")
    assert votes.votes == []
    assert "Look at each picture large first" in part(form, "status").value


def test_what_is_said_after_a_click_gives_the_keys_back_to_the_form(make, clock):
    form = begin(make(), clock)
    sent = []
    for keys in form._key_fields:
        keys.send = lambda content, *_, **__: sent.append(content)
    form.undo()
    assert "no vote to undo" in part(form, "status").value
    assert any(content.get("do") == "focus" for content in sent)


def test_videos_play_without_controls_and_with_sound_on_demand():
    from pruna_nb.comparison import vote_html

    side = vote_html.Side("data:video/mp4;base64,AA", 16, 9, is_video=True)
    silent = vote_html.stage(side, side, large=512)
    loud = vote_html.stage(side, side, large=512, has_sound=True)
    assert silent.count(" muted ") == 2
    assert " muted" not in loud
    assert "controls" not in silent + loud


def test_the_number_of_a_pair_comes_with_that_pair_and_a_vote_counts_from_then_on(make, clock):
    form, seen = make(), []
    click(form, "start")
    clock.now += 5
    part(form, "head").observe(
        lambda change: seen.append(
            (change["new"], part(form, "prompt").value, form._clock() - form._shown_at)
        ),
        "value",
    )
    press(form, "f")
    ((number, prompt, seconds),) = seen
    assert "Pair 2 of 3" in number
    assert "fox 1" in prompt
    assert seconds == 0
