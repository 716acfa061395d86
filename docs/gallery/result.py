import time

import pruna_nb
from PIL import Image

pruna_nb.use_emulator()
things = ["red fox", "lighthouse", "teapot", "owl", "bottle", "boat"]
comparison = pruna_nb.compare(
    {"plain": "a {thing}", "night": "a {thing} at night"},
    seeds=1,
    prompts=[{"thing": thing} for thing in things],
)


def brightness(path):
    return Image.open(path).convert("L").resize((1, 1)).getpixel((0, 0))


vote = comparison.vote()  # a person clicks; here, code likes the dark
vote.start()
while vote.current:
    vote.show("left"), vote.show("right")
    time.sleep(0.6)  # a vote that nobody could have looked for does not count
    dark_left = brightness(vote.current.left) < brightness(vote.current.right)
    vote.vote("left" if dark_left else "right")
comparison.result()
