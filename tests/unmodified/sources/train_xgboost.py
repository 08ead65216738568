"""Boosted trees that go on from the newest checkpoint, as the documentation of XGBoost shows."""
import glob, os, sys, pandas as pd, xgboost as xgb

ROUNDS = int(sys.argv[1])
tr, va = pd.read_csv("data/tab/train.csv"), pd.read_csv("data/tab/valid.csv")
d, v = xgb.DMatrix(tr.drop(columns="label"), tr.label), xgb.DMatrix(va.drop(columns="label"), va.label)
os.makedirs("ckpt", exist_ok=True)
old = sorted(glob.glob("ckpt/*.ubj"), key=os.path.getmtime)
done = 0
if old:
    start = xgb.Booster(model_file=old[-1])
    done = start.num_boosted_rounds()
    print(f"continuing from {old[-1]} after {done} rounds", flush=True)
cb = xgb.callback.TrainingCheckPoint(directory="ckpt", interval=50, name=f"m{done}")
b = xgb.train({"objective": "binary:logistic", "eval_metric": ["auc", "logloss"], "nthread": 2, "max_depth": 8}, d, ROUNDS - done, evals=[(d, "train"), (v, "valid")], callbacks=[cb], xgb_model=start if old else None)
b.save_model("model.ubj")
