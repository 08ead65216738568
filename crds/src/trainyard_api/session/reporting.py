"""How a session takes what its program reports by other means than `trainyard`."""

from __future__ import annotations

from trainyard_api.model import ClosedModel


class Reporting(ClosedModel):
    """Ways in which a program may report; each is on unless it is false."""

    mlflow: bool = True
    """A tracking server of MLflow's protocol on the pod's loopback; MLFLOW_TRACKING_URI and
    MLFLOW_RUN_ID name it to the program, unless env sets MLFLOW_TRACKING_URI."""
    trainer_status: bool = True
    """The status server of Kubeflow's trainer on the pod's loopback, to which transformers 5 reports."""
    output: bool = True
    """Progress that is read from what the program prints; false turns trainerStatus off, too."""
    event_files: bool = True
    """Scalars of TensorBoard's event files, and of tables of metrics (CSV files), that appear below
    the run folder."""
