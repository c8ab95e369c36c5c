"""One idea of a process's rank, Lightning's; and never a run without a word."""

import subprocess
import sys

import pytest
from lightning.pytorch import Trainer

from pixelsnail.machine import check_ranks, is_first_process
from pixelsnail.training import train

ALL = ("RANK", "LOCAL_RANK", "NODE_RANK", "GROUP_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "TORCHELASTIC_RUN_ID")
SLURM = {"SLURM_NTASKS": "2", "SLURM_NTASKS_PER_NODE": "2", "SLURM_JOB_NAME": "train", "SLURM_LOCALID": "0"}
SLURM |= {"SLURM_NODEID": "0", "SLURM_NNODES": "1"}
ELASTIC = {"TORCHELASTIC_RUN_ID": "7", "WORLD_SIZE": "2", "GROUP_RANK": "0", "LOCAL_WORLD_SIZE": "2"}


@pytest.fixture
def environment(monkeypatch):
    def change(**variables):
        for name in (*ALL, *SLURM, "SLURM_PROCID"):
            monkeypatch.delenv(name, raising=False)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)

    return change


@pytest.mark.parametrize(
    ("variables", "first"),
    [
        ({}, True),
        ({"LOCAL_RANK": "0", "NODE_RANK": "0"}, True),
        ({"LOCAL_RANK": "1"}, False),
        ({"LOCAL_RANK": "0", "NODE_RANK": "1"}, False),
        ({**ELASTIC, "RANK": "0", "LOCAL_RANK": "0"}, True),
        ({**ELASTIC, "RANK": "1", "LOCAL_RANK": "1"}, False),
        ({**SLURM, "SLURM_PROCID": "0"}, True),
        ({**SLURM, "SLURM_PROCID": "1", "SLURM_LOCALID": "1"}, False),
        ({**SLURM, "SLURM_PROCID": "0", "RANK": "3"}, True),
        ({**SLURM, "SLURM_PROCID": "1", "SLURM_JOB_NAME": "bash"}, True),
        ({"RANK": "3"}, True),
    ],
)
@pytest.mark.filterwarnings("ignore")  # Lightning's, about this machine
def test_the_first_process_is_lightnings(environment, variables, first):
    environment(**variables)
    nodes = 2 if "NODE_RANK" in variables else 1
    trainer = Trainer(accelerator="cpu", devices=2, num_nodes=nodes, strategy="ddp", logger=False)
    assert trainer.is_global_zero == first
    assert is_first_process() == first


@pytest.mark.parametrize("name", ["RANK", "LOCAL_RANK", "SLURM_PROCID"])
@pytest.mark.parametrize("value", ["", "first", "-1"])
def test_a_number_of_a_process_that_is_none_is_one_sentence(environment, name, value, tiny, tmp_path):
    environment(**{name: value})
    sentence = f"^{name} is '{value}' in the environment; expected the number of a process: unset it"
    for work in (check_ranks, lambda: train(tiny(), out=tmp_path / "run")):
        with pytest.raises(ValueError, match=sentence):
            work()
    assert not (tmp_path / "run").exists()


def test_an_empty_rank_is_one_sentence_of_the_command_too(environment, tmp_path):
    environment(RANK="")
    command = [sys.executable, "-m", "pixelsnail", "train", "demo", "--out", tmp_path / "run", "--trainer.max_steps=1"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode in (1, 2)
    (line,) = ended.stderr.splitlines()
    assert "RANK is '' in the environment; expected the number of a process" in line


def test_a_rank_that_a_scheduler_left_over_changes_nothing(environment, tiny, tmp_path):
    environment(RANK="3")
    model = train(tiny(**{"trainer.max_steps": 2, "trainer.devices": 1}), out=tmp_path / "run")
    assert (tmp_path / "run/recipe.yaml").is_file()
    assert (tmp_path / "run/model/config.json").is_file()
    assert sum(parameter.numel() for parameter in model.parameters()) > 0


def test_a_training_of_one_process_that_is_told_to_be_another_is_refused(environment, tiny, tmp_path):
    environment(LOCAL_RANK="2")
    with pytest.raises(ValueError, match=r"^LOCAL_RANK is 2 in the environment, but this training has one process"):
        train(tiny(**{"trainer.devices": 1}), out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_tasks_of_slurm_that_lightning_does_not_take_are_one_sentence(environment, tiny, tmp_path):
    environment(**{name: value for name, value in SLURM.items() if name != "SLURM_NTASKS_PER_NODE"}, SLURM_PROCID="0")
    with pytest.raises(ValueError, match=r"^SLURM runs 2 tasks, .* --ntasks-per-node \(and not --ntasks\)"):
        train(tiny(**{"trainer.devices": 2}), out=tmp_path / "run")
    environment(**SLURM, SLURM_PROCID="1")
    with pytest.raises(ValueError, match=r"^SLURM_PROCID is 1 in the environment, but this training has one process"):
        train(tiny(**{"trainer.devices": 1}), out=tmp_path / "run")
    assert not (tmp_path / "run").exists()
