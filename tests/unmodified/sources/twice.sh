# twice.sh PROGRAM [ARGUMENTS]: run a program that logs by MLflow into a database in a hidden folder,
# and once more as the session has it. Its seeds are its own, so that both log the same values.
set -e
mkdir .local
cp -r ./*.py .local/
test -d data && cp -r data .local/data
(
    cd .local
    unset MLFLOW_RUN_ID KUBEFLOW_TRAINER_SERVER_URL KUBEFLOW_TRAINER_SERVER_TOKEN
    MLFLOW_TRACKING_URI="sqlite:///$PWD/mlflow.db" python3 "$@" >log 2>&1 || { cat log; exit 1; }
)
exec python3 "$@"
