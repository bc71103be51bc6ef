"""Random numbers for a batch, from one generator on the batch's own device: a seed repeats them."""

import torch


class Dice:
    """One number per image unless said otherwise, ready to broadcast: (n, 1, 1)."""

    def __init__(self, count: int, device: torch.device, generator: torch.Generator) -> None:
        self.count, self.device, self.generator = count, device, generator

    def uniform(self, low: float, high: float, *more: int) -> torch.Tensor:
        shape = (self.count, *(more or (1, 1)))
        drawn = torch.rand(shape, device=self.device, generator=self.generator)
        return low + (high - low) * drawn

    def happens(self, share: float) -> torch.Tensor:
        return self.uniform(0, 1) < share

    def normal(self, like: torch.Tensor) -> torch.Tensor:
        return torch.randn(like.shape, device=self.device, generator=self.generator)
