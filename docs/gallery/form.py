import pruna_nb

pruna_nb.use_emulator()
form = pruna_nb.explore(
    prompt=["a red fox in fresh snow", "a lighthouse at dusk"],
    aspect_ratio=["1:1", "16:9"],
    seed="1, 2",
)
form.generate()
form.wait()
form
