import json, lightgbm as lgb, mlflow, pandas as pd
mlflow.lightgbm.autolog(log_models=False)
tr, va = pd.read_csv("data/tab/train.csv"), pd.read_csv("data/tab/valid.csv")
d = lgb.Dataset(tr.drop(columns="label"), tr.label); v = lgb.Dataset(va.drop(columns="label"), va.label, reference=d)
seen = {}
lgb.train({"objective": "binary", "metric": ["auc", "binary_logloss"], "num_threads": 1, "verbose": -1}, d, 60, valid_sets=[d, v], valid_names=["train", "valid"], callbacks=[lgb.record_evaluation(seen)])
json.dump({f"{part}-{name}": values for part, found in seen.items() for name, values in found.items()}, open("rounds.json", "w"))
