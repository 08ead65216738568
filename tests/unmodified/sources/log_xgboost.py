import json, mlflow, pandas as pd, xgboost as xgb
mlflow.xgboost.autolog(log_models=False)
tr, va = pd.read_csv("data/tab/train.csv"), pd.read_csv("data/tab/valid.csv")
d, v = xgb.DMatrix(tr.drop(columns="label"), tr.label), xgb.DMatrix(va.drop(columns="label"), va.label)
seen = {}
xgb.train({"objective": "binary:logistic", "eval_metric": ["auc", "logloss"], "nthread": 1, "max_depth": 4}, d, 60, evals=[(d, "train"), (v, "valid")], evals_result=seen)
json.dump({f"{part}-{name}": values for part, found in seen.items() for name, values in found.items()}, open("rounds.json", "w"))
