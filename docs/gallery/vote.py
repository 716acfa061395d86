import pruna_nb

pruna_nb.use_emulator()
comparison = pruna_nb.compare(
    {"plain": "a {thing}", "night": "a {thing} at night"},
    seeds=2,
    prompts=[{"thing": "red fox"}, {"thing": "lighthouse"}],
)
comparison.vote()
