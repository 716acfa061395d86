import pandas as pd
import pruna_nb

pruna_nb.use_emulator()
products = pd.DataFrame({"sku": ["B-1", "T-7"], "product": ["bottle", "teapot"]})
out = products.pruna.generate(prompt="a {red|teal|golden} {product} on white", aspect_ratio="1:1")
out.pruna.grid(columns=3, size=190)
