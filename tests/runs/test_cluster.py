"""Cells on the workers of a dask scheduler, in processes of their own on this machine."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time

import pytest
from conftest import ROOT
from test_run import contents, small

from fmi_mx import InputError, cells, cli, run
from fmi_mx.errors import CellsFailed
from fmi_mx.files import store
from fmi_mx.runs import cluster as module
from fmi_mx.runs.cluster import cluster
from fmi_mx.runs.coordinator import Order, prepare, run_all
from fmi_mx.runs.finished import read_run
from fmi_mx.runs.worker import Done, Failed

pytest.importorskip("distributed", reason="dask.distributed is not installed")

FOUR = {"images": "golden_gate", "layers": ["relu1_1", "relu2_1"], "filters": "0-1"}


def start(*words):
    """A program of dask's, whose words tell when it is there."""
    path = os.pathsep.join([str(ROOT), str(ROOT / "tests"), str(ROOT / "tests" / "runs")])
    environment = {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "2"}  # which the cells' own threads overrule
    command = [sys.executable, "-m", "distributed.cli." + words[0], *words[1:]]
    return subprocess.Popen(command, stderr=subprocess.PIPE, encoding="utf-8", env=environment, start_new_session=True)


def said(process, pattern):
    """What a program says on stderr, up to a pattern."""
    for line in process.stderr:
        found = re.search(pattern, line)
        if found:
            return found[1]
    raise AssertionError(f"{process.args} ended without {pattern}")


@contextlib.contextmanager
def scheduler():
    process = start("dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard")
    try:
        yield process, said(process, r"Scheduler at:\s*(tcp://\S+)")
    finally:
        process.kill()
        process.communicate()


@contextlib.contextmanager
def workers(address, *options):
    """Two worker processes, each with two threads of dask's."""
    process = start("dask_worker", address, "--nworkers", "2", "--nthreads", "2", "--no-dashboard", *options)
    try:
        said(process, "(Registered to)")
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


@pytest.fixture(scope="module")
def address():
    with scheduler() as (_, where), workers(where):
        yield where


@pytest.fixture
def order(fig3, weights_file, images_folder, tmp_path):
    def order(name="run", **overrides):
        return Order(small(fig3, **{**FOUR, **overrides}), tmp_path / name, weights_file, images_folder)

    return order


def compute(order, address, **options):
    with cluster(address, print) as place:
        return run_all([order], prepare([order], "cpu"), place, **options)[0]


def answer(_):
    return Done(b"", {}, {"by": os.getpid()})


def die_of_the_second(task):
    if task.given.cell.filter == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return answer(task)


@pytest.mark.usefixtures("own_processor")
@pytest.mark.parametrize("target", ["paper", "authors"])
def test_the_bytes_are_those_of_this_machine(order, address, target):
    here = order("here", target=target)
    run(here.experiment, here.out, here.weights, here.images, "cpu")
    records = compute(order("there", target=target), address)
    assert contents(here.out) == contents(order("there").out)
    assert {record["machine"]["threads"] for record in records} == {1}


@pytest.mark.usefixtures("own_processor")
def test_workers_that_cannot_read_the_weights_are_sent_them(order, address, tmp_path, weights_file):
    """As on another machine: the file is gone when they look for it."""
    moved = tmp_path / "weights.npz"
    moved.write_bytes(weights_file.read_bytes())
    one = order(layers="relu1_2")._replace(weights=moved)
    materials = prepare([one], "cpu")
    sent = []
    original = module.Cluster.submit

    def submit(self, work, task):
        there = task.arrays is not None
        sent.append(there)
        away = task._replace(weights=task.weights._replace(path=str(tmp_path / "nowhere"), digest=task.weights.digest))
        return original(self, work, away)

    with pytest.MonkeyPatch.context() as patch, cluster(address, print) as place:
        patch.setattr(module.Cluster, "submit", submit)
        place.executor._client.run(forget)
        records = run_all([one], materials, place)[0]
    assert [record for record in records if "failed" in record] == []
    assert True in sent and False in sent


def forget():
    from fmi_mx.runs import worker

    worker._kept.clear()


def test_a_cell_that_its_workers_die_of_fails_and_the_others_are_computed(order):
    with scheduler() as (_, where), workers(where):
        compute(order(), where, work=die_of_the_second)
    found = read_run(order().out)
    assert list(found.failed) == ["golden_gate.relu1_1.f001", "golden_gate.relu2_1.f001"]
    assert set(found.failed.values()) == {"workers have died of it, with others and alone: killed, or short of memory"}


def test_a_scheduler_that_goes_away_ends_the_run_and_what_is_stored_stays(order):
    with scheduler() as (process, where), workers(where):

        def leave(*_):
            process.kill()

        with pytest.raises(CellsFailed, match=f"the scheduler {where} is gone; what is stored stays, and the same command"):
            compute(order(filters="0-7")._replace(on_cell=leave), where, work=answer_slowly)
    stored = [cell.name for cell in cells(order(filters="0-7").experiment) if store.read_record(order().out, cell.name)]
    assert 1 <= len(stored) < 16


def answer_slowly(task):
    time.sleep(0.5)
    return answer(task)


def test_a_scheduler_that_does_not_answer_is_one_line(order, fig3, capsys, monkeypatch):
    monkeypatch.setattr(module, "PATIENCE", 1)
    one = order()
    options = ["--weights", str(one.weights), "--images", str(one.images), "--out", str(one.out), "--set", "long_edge=32"]
    assert cli.main(["run", str(fig3), *options, "--scheduler", "tcp://127.0.0.1:9"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("fmi: error: scheduler 'tcp://127.0.0.1:9' does not answer")
    assert error.count("\n") == 1
    assert not one.out.exists()


@pytest.mark.parametrize("content", ["{}", "[1]", "no JSON", '{"foo": 1}'])
def test_a_file_that_no_scheduler_wrote_is_one_line(tmp_path, content):
    (tmp_path / "file.json").write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=r"file.json' is no scheduler's file; give what `dask scheduler"):
        module._connect(str(tmp_path / "file.json"))


def test_a_schedulers_file_has_its_address(address, tmp_path):
    (tmp_path / "file.json").write_text(json.dumps({"type": "Scheduler", "address": address}), encoding="utf-8")
    with module._connect(str(tmp_path / "file.json")) as client:
        assert client.scheduler.address == address


def test_jobs_are_for_this_machine(capsys):
    assert cli.main(["run", "x.yaml", "--jobs", "2", "--scheduler", "tcp://127.0.0.1:9"]) == 2
    assert "not allowed with argument" in capsys.readouterr().err


def test_without_distributed_one_line_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(InputError, match=r"--scheduler needs dask.distributed .*; pip install 'fmi_mx\[cluster\]'"):
        module._connect("tcp://127.0.0.1:9")


def test_a_worker_of_another_version_is_named(address, monkeypatch):
    monkeypatch.setattr(module, "versions", lambda: {"fmi_mx": "9.9", "numpy": "1.0"})
    client = module._connect(address)
    monkeypatch.setattr(client, "run", lambda *_, **__: {"tcp://one:1": {"fmi_mx": "9.9", "numpy": "2.0", "python": "3"}})
    with client, pytest.raises(
        InputError, match=r"worker tcp://one:1 has fmi_mx 9.9, numpy 2.0, and this run fmi_mx 9.9, nu"
    ):
        module.Cluster(client, address).check_versions()


def test_what_a_worker_cannot_read_is_one_line(address):
    with cluster(address, print) as place:
        future = place.executor.submit(Unreadable())
        with pytest.raises(InputError, match="cannot read a task .*; scheduler and workers need the same fmi_mx"):
            future.result(timeout=30)


class Unreadable:
    def __reduce__(self):
        return getattr, (Failed, "what_there_is_not")

    def __call__(self):
        return None
