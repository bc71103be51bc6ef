"""Algorithm 1 for one network: epochs of steps, each epoch judged on the held-out part and saved.

What an epoch does follows from its number, the plan and the state saved before it: order,
variations and dropout are seeded anew, the learning rate is a function of progress. So a run that
was killed and goes on gives, on a CPU bit for bit, what an undisturbed one gives.
"""

import copy
import itertools
import json
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from inference.datasets.examples import Examples
from inference.evaluation.metrics import PixelCounts
from inference.findings import Task
from inference.training import checkpoint
from inference.training.batches import prepare, seed_of
from inference.training.checkpoint import State
from inference.training.feed import Feed
from inference.training.forward import forward_of
from inference.training.held_out import count, predict
from inference.training.history import Epoch, epoch_of
from inference.training.losses import loss_of
from inference.training.precision import Precision, autocast
from inference.training.recipes import Recipe, Schedule, Selection
from inference.training.schedule import is_exhausted, one_cycle, plateau

#: An epoch that took less is saved with the next: on a GPU it may be over sooner than written.
SAVE_EVERY_S = 20.0


class TrainingError(RuntimeError):
    """The run cannot go on."""


@dataclass(frozen=True, slots=True)
class Plan:
    """All that a run's result depends on; a checkpoint goes on only under the same plan."""

    task: Task
    network: str
    recipe: Recipe
    size: int  #: side of the square, in pixels
    seed: int
    precision: Precision
    cascaded: bool  #: trained on lungs alone (section 4.2)
    start: str  #: `Start.digest`
    data: str  #: digest of the names of all images

    def as_dict(self) -> dict[str, Any]:
        """Plain values only: what a checkpoint and a model card can hold."""
        plain: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return plain


class Run:
    """One network in training."""

    def __init__(
        self,
        plan: Plan,
        network: nn.Module,
        examples: Examples,
        held_out: Examples,
        device: torch.device,
        *,
        further: Examples | None = None,
        compiled: bool = False,
    ) -> None:
        """`network` is changed, and moved to `device` with all examples; `further` ones are shown
        beside the others and do not count for an epoch's length.
        """
        self.plan, self.device = plan, device
        self.examples, self.held_out = examples.to(device), held_out.to(device)
        self.further = further and further.to(device)
        self._feed = Feed(self.examples, self.further, plan.recipe)
        self.network = network.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average = copy.deepcopy(self.network) if plan.recipe.average else self.network
        shape = self._feed.batch, plan.size
        self._forward = forward_of(self.network, shape, plan.precision, compiled=compiled)
        self._optimiser = _optimiser(self.network, plan.recipe)
        self._scaler = torch.amp.GradScaler(device.type, enabled=plan.precision is Precision.FP16)
        self.history: list[Epoch] = []
        self.best: State = {}
        self.best_epoch = 0
        self._steps = 0
        self._elapsed_s, self._resumed_at = 0.0, time.monotonic()

    def go(
        self,
        path: Path,
        minutes: float | None = None,
        advance: Callable[[float], None] = lambda _: None,
        report: Callable[[Epoch], None] = lambda _: None,
        save_every_s: float = SAVE_EVERY_S,
    ) -> None:
        """Train to the end of the recipe or of `minutes`, going on from the checkpoint at `path`.

        With `minutes` a one-cycle schedule is fitted to the time, whatever the number of epochs;
        pauses between runs do not count. `advance` is told the progress, 0..1.
        """
        state = checkpoint.load(path, self.plan.as_dict(), self.device)
        if state is not None:
            self._restore(state)
        saved_at = self.elapsed_s()
        while not self._is_done(minutes):
            # All images have one size, so trying out algorithms on the first pays.
            with torch.backends.cudnn.flags(enabled=True, benchmark=True):
                epoch = self._epoch(minutes, advance)
            self.history.append(epoch)
            self._keep_if_best(epoch)
            report(epoch)
            if self.elapsed_s() - saved_at >= save_every_s:
                checkpoint.save(self._state(), path)
                saved_at = self.elapsed_s()
        checkpoint.save(self._state(), path)

    def _epoch(self, minutes: float | None, advance: Callable[[float], None]) -> Epoch:
        number = len(self.history) + 1
        seed = seed_of(self.plan.seed, number)
        torch.manual_seed(seed)
        generator = torch.Generator(self.device).manual_seed(seed)
        total, steps, rate = torch.zeros((), device=self.device), 0, 0.0
        self.network.train()
        for chosen in self._feed.chosen(seed):
            rate = self._set_learning_rate(minutes)
            total += self._step(chosen, generator)
            steps += 1
            self._steps += 1
            advance(self._progress(minutes))
            if self._progress(minutes) >= 1:
                break
        train_loss = float(total) / steps
        if not math.isfinite(train_loss):
            raise TrainingError(
                f"epoch {number}: the loss is {train_loss}: lower the learning rate"
            )
        held_loss, counts = self._assess()
        return epoch_of(number, rate, train_loss, held_loss, counts, self.elapsed_s())

    def _step(self, chosen: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        images, masks = self._feed.show(chosen, generator)
        with autocast(self.device, self.plan.precision):
            logits = self._forward(prepare(images))
        loss = loss_of(logits.float(), masks, self.plan.recipe, self._feed.drawn)
        self._optimiser.zero_grad()
        self._scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
        self._scaler.step(self._optimiser)
        self._scaler.update()
        if self.average is not self.network:
            self._follow()
        return loss.detach()

    @torch.no_grad()
    def _follow(self) -> None:
        """Move the average towards the network; faster at first, when there is little to keep."""
        decay = min(self.plan.recipe.average, (1 + self._steps) / (10 + self._steps))
        # One call for all: a kernel for each of DenseNet's 700 tensors would cost a step again.
        torch._foreach_lerp_(_moving(self.average), _moving(self.network), 1 - decay)

    @torch.no_grad()
    def _assess(self) -> tuple[float, PixelCounts]:
        """Loss and pixel counts of the held-out part, by the network that would be kept."""
        losses, rows = [], []
        for logits, masks in predict(self.average, self.held_out, self.plan.precision):
            losses.append(loss_of(logits, masks.float(), self.plan.recipe) * len(masks))
            rows.append(count(logits[:, 1] > logits[:, 0], masks > 0))
        counts = torch.cat(rows, dim=1).cpu().numpy()
        return float(torch.stack(losses).sum()) / len(self.held_out), PixelCounts(*counts)

    def _keep_if_best(self, epoch: Epoch) -> None:
        by_loss = self.plan.recipe.selection is Selection.LOSS
        scores = [-e.held_loss if by_loss else e.dsc for e in self.history]
        if scores[-1] >= max(scores):
            self.best_epoch = epoch.epoch
            self.best = {name: v.clone() for name, v in self.average.state_dict().items()}

    def _set_learning_rate(self, minutes: float | None) -> float:
        recipe = self.plan.recipe
        if recipe.schedule is Schedule.ONE_CYCLE:
            share = one_cycle(self._progress(minutes))
        else:
            share = plateau([epoch.held_loss for epoch in self.history])
        for group in self._optimiser.param_groups:
            group["lr"] = share * recipe.learning_rate
        return share * recipe.learning_rate

    def _progress(self, minutes: float | None) -> float:
        """How much of the budget is used, from 0; 1 and above is the end."""
        recipe = self.plan.recipe
        in_steps = self._steps / recipe.epochs / self._feed.steps
        if minutes is None:
            return in_steps
        in_time = self.elapsed_s() / (60 * minutes)
        return in_time if recipe.schedule is Schedule.ONE_CYCLE else max(in_time, in_steps)

    def _is_done(self, minutes: float | None) -> bool:
        losses = [epoch.held_loss for epoch in self.history]
        return self._progress(minutes) >= 1 or is_exhausted(losses, self.plan.recipe.stop_after)

    def elapsed_s(self) -> float:
        """Since the run began, pauses left out."""
        return self._elapsed_s + time.monotonic() - self._resumed_at

    def _state(self) -> State:
        return {
            "plan": self.plan.as_dict(),
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self._optimiser.state_dict(),
            "scaler": self._scaler.state_dict(),
            "history": [asdict(epoch) for epoch in self.history],
            "best": self.best,
            "best_epoch": self.best_epoch,
            "steps": self._steps,
            "elapsed_s": self.elapsed_s(),
        }

    def _restore(self, state: State) -> None:
        self.network.load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        self._optimiser.load_state_dict(state["optimiser"])
        self._scaler.load_state_dict(state["scaler"])
        self.history = [Epoch(**epoch) for epoch in state["history"]]
        self.best, self.best_epoch = state["best"], state["best_epoch"]
        self._steps = state["steps"]
        self._elapsed_s, self._resumed_at = state["elapsed_s"], time.monotonic()


def _moving(network: nn.Module) -> list[torch.Tensor]:
    """All that training changes; how many batches a normalisation has seen is used by nothing."""
    values = itertools.chain(network.parameters(), network.buffers())
    return [value for value in values if value.is_floating_point()]


def _optimiser(network: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """Section 3.4: Adam with momentum 0.9 and 0.999; weight decay, if any, apart from them."""
    return torch.optim.AdamW(
        network.parameters(),
        lr=recipe.learning_rate,
        betas=(0.9, 0.999),
        weight_decay=recipe.weight_decay,
        fused=True,
    )
