"""Any process of a training together is killed, and the training goes on."""
import os
import signal
import time

import pytest
from launching import (
    TOO_LONG,
    resumed,
    same_bits,
    sentence,
    training,
    until,
)

SOON = 10  # seconds until all processes have ended
ROLES = ("worker 0", "worker 1", "server", "scheduler", "launcher")
EPOCHS = 4


def stop(launch, role, epoch, delay):
    """Kill a process after an epoch, and a delay; return its id.

    Epoch 0 is the start of that process. Return None if it has finished.
    """
    def is_there():
        if launch.process.poll() is not None:
            return "finished"
        if epoch and f"epoch {epoch}, perplexity" not in launch.said():
            return None
        return launch.members().get(role)

    until(is_there, TOO_LONG, launch.said())
    time.sleep(delay)
    number = launch.members().get(role)
    try:
        if number:
            os.kill(number, signal.SIGKILL)
    except ProcessLookupError:  # it has finished just now
        return None
    return number


def check_end(launch, role, number, folder):
    """Return what is wrong with how a launcher ended, or None."""
    start = time.monotonic()
    while launch.members() or launch.process.poll() is None:
        if time.monotonic() - start > SOON:
            return f"left {launch.members()}"
        time.sleep(0.05)
    code, said = launch.process.returncode, launch.said()
    if "Traceback" in said:
        return said
    if role == "launcher":
        return None if code == -signal.SIGKILL else f"ended with {code}"
    killed = f"{role if 'worker' in role else f'the {role}'} (process {number}"
    if code != 1 or not sentence(said).startswith(killed) or (
            begun(folder) == ("type the same command again" in said)):
        return f"ended with {code}: {said}"
    return None


def begun(folder):
    """Say whether a training has written anything."""
    return (folder / "run" / "command.json").exists()


def go_on(folder):
    """Finish a training, or begin it if nothing was written; say if it did."""
    with (resumed(folder, 2) if begun(folder)
          else training(folder, "--workers", 2, epochs=EPOCHS)) as launch:
        return launch.ends() == 0


@pytest.mark.process
@pytest.mark.campaign
def test_together_kills(campaign, tmp_path):
    """Trainings of two workers of which one process is killed go on."""
    whole = tmp_path / "whole"
    whole.mkdir()
    assert go_on(whole)
    for n in campaign.tries(short=3, long=40):
        folder = tmp_path / str(n)
        folder.mkdir()
        role = ROLES[n % len(ROLES)]
        epoch = int(campaign.rng.integers(0, EPOCHS))
        delay = campaign.rng.uniform(0, 0.5 if epoch else 4)
        with training(folder, "--workers", 2, epochs=EPOCHS) as launch:
            number = stop(launch, role, epoch, delay)
            if number is None:
                campaign.became["finished before"] += 1
                continue
            problem = check_end(launch, role, number, folder)
        campaign.became[role] += 1
        campaign.became["before the first checkpoint"] += not (
            folder / "run" / "last.safetensors").exists()
        if problem:
            campaign.failed(f"try {n}, {role}, epoch {epoch}: {problem}")
        elif not go_on(folder):
            campaign.failed(f"try {n}, {role}, epoch {epoch}: does not go on")
        elif not same_bits(folder / "run", whole / "run"):
            campaign.failed(f"try {n}, {role}, epoch {epoch}: other bits")
