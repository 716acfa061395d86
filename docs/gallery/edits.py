import pandas as pd
import pruna_nb

pruna_nb.use_emulator()
df = pd.DataFrame({"prompt": ["a lighthouse at dawn", "a red fox in a meadow"]})
out = df.pruna.generate("prompt", aspect_ratio="3:2", seed=2)
edited = out.pruna.edit(prompt="make it night")
edited.pruna.before_after(size=360)
