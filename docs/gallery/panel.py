import pandas as pd
import pruna_nb

pruna_nb.use_emulator(latency=(0.5, 6))
df = pd.DataFrame({"prompt": [f"a lighthouse, view {number}" for number in range(1000)]})
run = df.pruna.generate("prompt", aspect_ratio="16:9", background=True)
run.progress
