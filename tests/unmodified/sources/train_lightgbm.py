import lightgbm as lgb, pandas as pd
tr, va = pd.read_csv("data/tab/train.csv"), pd.read_csv("data/tab/valid.csv")
d = lgb.Dataset(tr.drop(columns="label"), tr.label); v = lgb.Dataset(va.drop(columns="label"), va.label, reference=d)
b = lgb.train({"objective": "binary", "metric": ["auc", "binary_logloss"], "num_threads": 2}, d, int(__import__("sys").argv[1]), valid_sets=[v], callbacks=[lgb.log_evaluation(50)])
b.save_model("model.txt")
