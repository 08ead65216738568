import os; os.environ.setdefault("KERAS_BACKEND", "torch")
import keras, mlflow, numpy as np, torch
keras.utils.set_random_seed(1); torch.set_num_threads(1)
mlflow.keras.autolog(log_models=False)
r = np.random.default_rng(0); x = r.normal(size=(512, 8)).astype("float32"); y = (x[:, 0] * x[:, 1] > 0).astype("float32")
m = keras.Sequential([keras.layers.Input((8,)), keras.layers.Dense(32, "relu"), keras.layers.Dense(1, "sigmoid")]); m.compile("adam", "binary_crossentropy", metrics=["accuracy"])
m.fit(x, y, validation_split=.2, epochs=12)
