"""A small convolutional network.

Each block has convolution, normalisation, non-linearity and pooling; a linear layer follows.
"""

from __future__ import annotations

from torch import Tensor, nn

from trainyard_trainer.models.mlp import ACTIVATIONS


class CNN(nn.Module):
    """(batch, channels, height, width) → (batch, outputs)."""

    def __init__(
        self, channels_in: int, outputs: int, channels: list[int], activation: str, dropout: float
    ) -> None:
        super().__init__()
        blocks: list[nn.Module] = []
        width = channels_in
        for size in channels:
            blocks += [
                nn.Conv2d(width, size, kernel_size=3, padding=1, bias=False),
                nn.BatchNorm2d(size),
                ACTIVATIONS[activation](),
                # ceil_mode keeps at least one pixel however many blocks there are.
                nn.MaxPool2d(2, ceil_mode=True),
            ]
            width = size
        self.blocks = nn.Sequential(*blocks)
        self.head = nn.Sequential(
            nn.AdaptiveAvgPool2d(2),
            nn.Flatten(),
            nn.Dropout(dropout),
            nn.Linear(4 * width, outputs),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Scores of each class."""
        scores: Tensor = self.head(self.blocks(x))
        return scores
