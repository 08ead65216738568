import pandas as pd
from catboost import CatBoostClassifier
tr, va = pd.read_csv("data/tab/train.csv"), pd.read_csv("data/tab/valid.csv")
m = CatBoostClassifier(iterations=int(__import__("sys").argv[1]), depth=4, eval_metric="AUC", thread_count=2, save_snapshot=True, snapshot_interval=1, snapshot_file="snap")
m.fit(tr.drop(columns="label"), tr.label, eval_set=(va.drop(columns="label"), va.label), verbose=20)
m.save_model("model.cbm")
