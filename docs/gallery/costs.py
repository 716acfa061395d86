import pandas as pd
import pruna_nb

pruna_nb.use_emulator()
df = pd.DataFrame({"prompt": ["a red fox in the snow", "a lighthouse at dusk"]})
out = df.pruna.generate("prompt", seed=[1, 2, 3], tag="spring catalogue")
out.pruna.edit(prompt="make it night", tag="evening series")
pruna_nb.costs(by=["tag", "model"])
