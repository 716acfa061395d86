import pandas as pd
import pruna_nb

pruna_nb.use_emulator()  # no key, no cost; once you have a key, leave this out
df = pd.DataFrame({"prompt": ["a lighthouse", "a red fox", "an owl"]})
out = df.pruna.generate("prompt", aspect_ratio=["1:1", "3:2", "16:9"], seed=2)
out.pruna.grid()
