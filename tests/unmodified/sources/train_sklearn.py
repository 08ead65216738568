import joblib, pandas as pd
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPClassifier
n = int(__import__("sys").argv[1]); tr = pd.read_csv("data/tab/train.csv")
g = GridSearchCV(MLPClassifier(max_iter=n, n_iter_no_change=n, verbose=True), {"alpha": [1e-4, 1e-2]}, cv=2, n_jobs=2, verbose=3)
g.fit(tr.drop(columns="label"), tr.label); print("best", g.best_score_); joblib.dump(g.best_estimator_, "model.joblib")
