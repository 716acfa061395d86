import pandas as pd
import pruna_nb

pruna_nb.use_emulator()
df = pd.DataFrame({"prompt": ["a red fox", "a lighthouse", "an owl"], "sku": ["F-1", "L-2", "O-3"]})
out = df.pruna.generate("prompt", aspect_ratio=["1:1", "16:9"])
out.pruna.rate([5, 3, 4, 5, 2, 4], tags="spring catalogue")
out.pruna.table()
