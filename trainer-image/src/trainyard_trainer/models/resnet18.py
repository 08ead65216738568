"""ResNet-18 (He et al., 2015, arXiv 1512.03385).

Images below 64 pixels use a stem of 3x3 without pooling.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional


class Block(nn.Module):
    """Two 3x3 convolutions and a shortcut; halves height and width when `stride` is 2."""

    def __init__(self, channels_in: int, channels_out: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, channels_out, 3, stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(channels_out)
        self.conv2 = nn.Conv2d(channels_out, channels_out, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(channels_out)
        same = stride == 1 and channels_in == channels_out
        self.shortcut: nn.Module = (
            nn.Identity()
            if same
            else nn.Sequential(
                nn.Conv2d(channels_in, channels_out, 1, stride, bias=False),
                nn.BatchNorm2d(channels_out),
            )
        )

    def forward(self, x: Tensor) -> Tensor:
        """Residual of the input."""
        y = functional.relu(self.norm1(self.conv1(x)))
        return functional.relu(self.norm2(self.conv2(y)) + self.shortcut(x))


class ResNet18(nn.Module):
    """(batch, channels, height, width) → (batch, outputs)."""

    def __init__(self, channels_in: int, outputs: int, image_size: int) -> None:
        super().__init__()
        large = image_size >= 64
        stem = nn.Conv2d(
            channels_in,
            64,
            7 if large else 3,
            2 if large else 1,
            padding=3 if large else 1,
            bias=False,
        )
        self.stem = nn.Sequential(
            stem, nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(3, 2, 1) if large else nn.Identity()
        )
        widths = [64, 64, 128, 256, 512]
        blocks: list[nn.Module] = []
        for i in range(4):
            blocks += [
                Block(widths[i], widths[i + 1], 1 if i == 0 else 2),
                Block(widths[i + 1], widths[i + 1], 1),
            ]
        self.blocks = nn.Sequential(*blocks)
        self.head = nn.Linear(512, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Scores of each class."""
        features: Tensor = self.blocks(self.stem(x)).mean(dim=(2, 3))
        scores: Tensor = self.head(features)
        return scores
