import math, mlflow
with mlflow.start_run():
    mlflow.log_params({"lr": 0.1, "layers": [64, 64]})
    for step in range(300):
        mlflow.log_metric("loss", 1 / (step + 1), step=step)
        mlflow.log_metrics({"train/acc of all": step / 3, "grad norm": math.sqrt(step)}, step=step)
        if step % 50 == 0:
            mlflow.log_metric("loss", 2 / (step + 1), step=step)
    mlflow.log_metrics({"diverged": float("nan"), "last": 1e-320})
    for fold in range(3):
        with mlflow.start_run(nested=True, run_name=f"fold {fold}"):
            for step in range(20):
                mlflow.log_metric("val_loss", (fold + 1) / (step + 3), step=step)
