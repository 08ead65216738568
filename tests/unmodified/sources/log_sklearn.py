import mlflow, pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
mlflow.sklearn.autolog(log_models=False, max_tuning_runs=6)
tr = pd.read_csv("data/tab/train.csv").head(2000)
GridSearchCV(LogisticRegression(max_iter=200), {"C": [0.01, 0.1, 1, 10]}, cv=3).fit(tr.drop(columns="label"), tr.label)
