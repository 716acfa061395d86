import pandas as pd
import pruna_nb

pruna_nb.use_emulator()
df = pd.DataFrame({"prompt": ["a red fox in the snow", "a lighthouse at dusk"]})
out = df.pruna.generate("prompt", model=["p-image", "flux-dev", "qwen-image"], seed=4)
out.pruna.grid(rows="prompt", cols="model", size=220)
