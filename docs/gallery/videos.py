import pandas as pd
import pruna_nb

pruna_nb.use_emulator()
df = pd.DataFrame({"prompt": ["a lighthouse in a storm", "a red fox in the snow"]})
drafts = df.pruna.generate("prompt", model="p-video", duration=2, draft=True, samples=2)
drafts.pruna.grid(rows="prompt", cols="sample")
