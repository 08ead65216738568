import sys, torch
from lightning.pytorch import Trainer, seed_everything
from lightning.pytorch.demos.boring_classes import BoringDataModule, BoringModel
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
seed_everything(1); torch.set_num_threads(1)
class Model(BoringModel):
    def training_step(self, batch, index):
        loss = self.loss(self(batch)); self.log("train_loss", loss); return {"loss": loss}
    def validation_step(self, batch, index):
        self.log("val_loss", self.loss(self(batch)))
logger = CSVLogger("logs", name="csv") if sys.argv[1] == "csv" else TensorBoardLogger("logs")
Trainer(max_epochs=4, log_every_n_steps=2, enable_progress_bar=False, logger=logger).fit(Model(), datamodule=BoringDataModule())
