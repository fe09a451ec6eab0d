"""Many processes under ``torchrun``: who is who, copies (DDP) or shards (FSDP2) of a model, sums."""

from __future__ import annotations

import contextlib
import gc
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from longwave.errors import ConfigError
from longwave.training.config import TrainConfig

if TYPE_CHECKING:
    from torch.distributed.fsdp import FSDPModule
    from torch.distributed.tensor import DTensor

__all__ = ["Workers", "copy_into", "gather", "join_workers", "pick_device", "spread_model", "sync_only_if"]


@dataclass(frozen=True, kw_only=True)
class Workers:
    """The processes of a run, seen from one of them.

    Parameters
    ----------
    rank, world : int
        Number of this process, and of all.
    device : torch.device
    """

    rank: int
    world: int
    device: torch.device

    @property
    def is_first(self) -> bool:
        """Whether this process writes files and reports."""
        return self.rank == 0

    def sum(self, *values: float) -> list[float]:
        """Add numbers up over all processes, in float64."""
        if self.world == 1:
            return list(values)
        total = torch.tensor(values, dtype=torch.float64, device=self.device)
        dist.all_reduce(total)
        return cast(list[float], total.tolist())

    def wait(self) -> None:
        """Wait until every process is here."""
        if self.world > 1:
            dist.barrier()


@contextlib.contextmanager
def join_workers(config: TrainConfig) -> Iterator[Workers]:
    """Join the processes that ``torchrun`` started, if the configuration asks for them.

    Raises
    ------
    ConfigError
        If configuration and environment disagree, the device does not exist or the batch cannot be split.
    """
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if config.distributed == "none":
        if world > 1:
            raise ConfigError(
                f'torchrun started {world} processes, but distributed is "none". Set distributed to "ddp" or '
                '"fsdp".'
            )
        yield Workers(rank=0, world=1, device=pick_device(config.device))
        return
    if "RANK" not in os.environ:
        raise ConfigError(
            f'distributed is "{config.distributed}", but this is a single process. Start it with torchrun, '
            f'or set distributed to "none".'
        )
    if config.batch_size % (world * config.accumulation):
        raise ConfigError(
            f"batch_size {config.batch_size} cannot be split into {world} processes times "
            f"{config.accumulation} micro-batches. Make it a multiple of {world * config.accumulation}."
        )
    device = pick_device(config.device, int(os.environ.get("LOCAL_RANK", "0")))
    is_owner = not dist.is_initialized()
    if device.type == "cuda":
        torch.cuda.set_device(device)  # NCCL takes the current device
    if is_owner:
        dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        workers = Workers(rank=dist.get_rank(), world=dist.get_world_size(), device=device)
        yield workers
        workers.wait()  # who leaves first cuts connections that others are still using
    finally:
        if is_owner:
            dist.destroy_process_group()
            # a wrapped model in a reference cycle keeps the group's threads; one that still frees a tensor
            # while the interpreter shuts down aborts the process
            gc.collect()


def spread_model(model: nn.Module, workers: Workers, config: TrainConfig) -> nn.Module:
    """Move a model to its device and wrap or shard it; returns what to call in the training step."""
    model.to(workers.device)
    if config.distributed == "ddp":
        return DistributedDataParallel(model)
    if config.distributed == "fsdp":
        _shard(model, workers)
    return model


def sync_only_if(last: bool, model: nn.Module) -> AbstractContextManager[None]:
    """Exchange gradients in the last micro-batch of an update only."""
    if _is_sharded(model):
        cast("FSDPModule", model).set_requires_gradient_sync(last)
    if isinstance(model, DistributedDataParallel) and not last:
        return cast(AbstractContextManager[None], model.no_sync())
    return nullcontext()


def gather(tensor: Tensor) -> Tensor:
    """Return the whole of a tensor that may be sharded; every process must call it."""
    return cast("DTensor", tensor).full_tensor() if _is_sharded(tensor) else tensor


def copy_into(target: Tensor, whole: Tensor) -> None:
    """Copy a whole tensor into one that may be sharded."""
    if _is_sharded(target):
        from torch.distributed.tensor import distribute_tensor

        sharded = cast("DTensor", target)
        whole = distribute_tensor(whole.to(target.device), sharded.device_mesh, sharded.placements)
    with torch.no_grad():
        target.copy_(whole)


def _shard(model: nn.Module, workers: Workers) -> None:
    # Imported late: FSDP2 and DTensor add a second to the start of everything that trains or loads a model.
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    mesh = init_device_mesh(workers.device.type, (workers.world,))
    for block in getattr(model, "blocks", ()):
        fully_shard(block, mesh=mesh)
    fully_shard(model, mesh=mesh)


def _is_sharded(thing: nn.Module | Tensor) -> bool:
    """Whether a module went through ``fully_shard``, or a tensor is a DTensor."""
    return hasattr(thing, "set_requires_gradient_sync" if isinstance(thing, nn.Module) else "full_tensor")


def pick_device(name: str, local_rank: int = 0) -> torch.device:
    """Turn a configured device name into a device of this process.

    Parameters
    ----------
    name : str
        ``"auto"`` (a GPU if there is one), ``"cpu"``, ``"cuda"``, ``"cuda:1"``, ...
    local_rank : int
        Number of this process on its machine: which GPU ``"auto"`` and ``"cuda"`` mean.

    Returns
    -------
    torch.device

    Raises
    ------
    ConfigError
        If the name means no device, or a GPU where there is none.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ConfigError(
            f'device is "{name}"; accepted are "auto", "cpu", "cuda", "cuda:0", ... Change it.'
        ) from error
    if device.type == "cuda":
        if not torch.cuda.is_available():
            raise ConfigError(f'device is "{name}", but torch sees no GPU. Choose "auto" or "cpu".')
        device = torch.device("cuda", local_rank if device.index is None else device.index)
    return device
