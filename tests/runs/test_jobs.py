"""Cells side by side, in processes of their own. Some answer without a network: what dies here is a process."""

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import BrokenExecutor, Executor, Future
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT
from test_run import contents, small

from fmi_mx import InputError, cells, run
from fmi_mx.files.images import png_bytes
from fmi_mx.machine.devices import Device
from fmi_mx.machine.mxnet import mx
from fmi_mx.runs import capacity, coordinator, jobs, worker
from fmi_mx.runs.coordinator import Order, prepare, run_all
from fmi_mx.runs.finished import read_run
from fmi_mx.runs.jobs import Here, Pool, pool
from fmi_mx.runs.materials import gather
from fmi_mx.runs.worker import Done, Lacking, Task, work
from fmi_mx.weights.canonical import read_weights

CPU = [Device("cpu")]
FOUR = {"images": "golden_gate", "layers": ["relu1_1", "relu2_1"], "filters": "0-1"}


@pytest.fixture
def order(fig3, weights_file, images_folder, tmp_path):
    """An order of four cells, in a folder of tmp_path. MXNet has begun with one thread."""
    assert mx.nd

    def order(name="run", **overrides):
        return Order(small(fig3, **{**FOUR, **overrides}), tmp_path / name, weights_file, images_folder)

    return order


def compute(order, number, on_cell=None, work=work):
    with pool(number, order.experiment.threads, CPU) as place:
        order = order._replace(on_cell=on_cell)
        return run_all([order], prepare([order], "cpu"), place, work=work)[0]


def answer(_):
    """A cell of one grey pixel."""
    return Done(png_bytes(np.full((1, 1, 3), os.getpid() % 256, np.uint8)), {"image": np.zeros(1)}, {"by": os.getpid()})


def answer_slowly(task):
    time.sleep(0.3)
    return answer(task)


def die_at_the_second(task):
    """Once, where the first time leaves a file beside the weights."""
    mark = Path(task.weights.path).with_name("died")
    if task.given.cell.filter == 1 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return answer(task)


def die_at_the_second_each_time(task):
    if task.given.cell.filter == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return answer(task)


@pytest.mark.usefixtures("own_processor")
@pytest.mark.parametrize("target", ["paper", "authors"])
def test_the_bytes_are_the_same_for_any_number_of_jobs(order, target, monkeypatch):
    """And whatever OMP_NUM_THREADS says: the experiment's threads decide."""
    one = order("one", target=target)
    run(one.experiment, one.out, one.weights, one.images, "cpu")
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    compute(order("two", target=target), 2)
    assert contents(one.out) == contents(order("two").out)


@pytest.mark.usefixtures("own_processor")
def test_a_cell_computes_with_the_threads_of_its_experiment(order):
    two = order(threads=2, filters=0, layers="relu1_1")
    (record,) = run(two.experiment, two.out, two.weights, two.images, "cpu")  # not here, where MXNet has begun with one
    assert record["machine"]["threads"] == record["specification"]["threads"] == 2
    assert os.environ["OMP_NUM_THREADS"] == "1"


def test_cells_come_side_by_side_and_records_in_the_order_of_the_cells(order):
    seen = []
    records = compute(order(), 3, lambda _, record, __: seen.append(record["by"]), answer_slowly)
    assert [record["specification"]["name"] for record in records] == [cell.name for cell in cells(order().experiment)]
    assert len(set(seen)) == 3
    assert os.getpid() not in seen


def test_a_worker_that_dies_costs_its_cell_another_try(order, weights_file):
    weights_file.with_name("died").unlink(missing_ok=True)
    records = compute(order(), 2, work=die_at_the_second)
    assert weights_file.with_name("died").exists()
    assert [record for record in records if "failed" in record] == []


def test_two_workers_that_die_of_a_cell_fail_it_and_the_others_are_computed(order):
    compute(order(), 2, work=die_at_the_second_each_time)
    found = read_run(order().out)
    assert list(found.failed) == ["golden_gate.relu1_1.f001", "golden_gate.relu2_1.f001"]
    assert all("workers have died of it, with others and alone" in reason for reason in found.failed.values())
    assert found.missing == []


class Accusing(Executor):
    """Breaks both of two cells that it has at a time, as dask does, whichever of them has killed the worker."""

    def __init__(self):
        self.here, self.lock = None, threading.Lock()

    def submit(self, fn, *args):
        future = Future()
        with self.lock:
            if self.here is None:
                self.here = future
                threading.Timer(0.2, self.answer, [future, fn, args]).start()
            else:
                for one in (self.here, future):
                    one.set_exception(BrokenExecutor())
                self.here = None
        return future

    def answer(self, future, fn, args):
        with self.lock:
            if self.here is future:
                self.here = None
                future.set_result(fn(*args))


def test_cells_whose_workers_have_died_are_computed_again_one_at_a_time(order):
    records = run_all([order()], prepare([order()], "cpu"), Pool(Accusing(), lambda: 2), work=answer)[0]
    assert [record for record in records if "failed" in record] == []


def test_a_worker_gets_weights_that_it_cannot_read(order, monkeypatch):
    """As on another machine; here the first reading finds nothing."""
    monkeypatch.setattr(worker, "_kept", {})
    monkeypatch.setattr(worker, "_read", lambda _: None)
    answers = []

    def answering(task):
        found = work(task)
        answers.append((type(found), task.arrays is not None))
        return found

    run_all([order()], prepare([order()], "cpu"), Pool(Here(), lambda: 1), work=answering)
    assert answers == [(Lacking, False), (Done, True), *[(Done, False)] * 3]


def lack_at_first(task):
    return Lacking() if task.arrays is None else Done(b"", {}, {"by": len(task.arrays)})


def test_weights_that_workers_lack_are_read_once(order, monkeypatch):
    reads = []
    monkeypatch.setattr(coordinator, "read_weights", lambda path: reads.append(path) or read_weights(path))
    prepared = prepare([order()], "cpu")
    records = run_all([order()], prepared, Pool(Here(), lambda: 1), work=lack_at_first)[0]
    assert len({record["by"] for record in records}) == 1
    assert len(reads) == 1


def test_weights_that_are_changed_during_a_run_end_it(order, tmp_path, arrays, monkeypatch):
    """No cell is computed with others than its record says."""
    monkeypatch.setattr(worker, "_kept", {})
    path = tmp_path / "weights.npz"
    np.savez(path, **arrays)
    one = order()._replace(weights=path)
    prepared = prepare([one], "cpu")
    np.savez(path, **{**arrays, "conv1_1_bias": arrays["conv1_1_bias"] + 1})
    with pytest.raises(InputError, match="weights.npz have been changed while this run was using them; start it again"):
        run_all([one], prepared, Pool(Here(), lambda: 1))
    assert not list(one.out.glob("cells/*.json"))


def test_weights_that_are_others_by_now_are_not_taken(order, tmp_path, arrays, monkeypatch):
    monkeypatch.setattr(worker, "_kept", {})
    path = tmp_path / "weights.npz"
    np.savez(path, **arrays)
    known = gather(order().experiment, path, order().images, "cpu").weights
    np.savez(path, **{**arrays, "conv1_1_bias": arrays["conv1_1_bias"] + 1})
    assert worker._read(known) is None
    path.unlink()
    assert worker._read(known) is None


@pytest.fixture
def task(order):
    one = order()
    (materials,) = prepare([one], "cpu")
    cell = cells(one.experiment)[0]
    given = worker.Given(one.experiment, cell, materials.shown[cell.image, cell.style])
    return Task(given, materials.weights, materials.device, 1, materials.precision, worker.versions())


@pytest.mark.parametrize("change, message", [
    ({"versions": {"numpy": "1.0", "fmi_mx": "0.0.1"}}, r"worker on .* has fmi_mx .*, and this run fmi_mx 0.0.1, numpy 1.0"),
    ({"precision": "bfloat16"}, "computes in float32, and this run in bfloat16"),
    ({"threads": 7}, "has begun with 1 threads, and this run has threads: 7"),
])  # fmt: skip
def test_a_worker_that_would_compute_something_else_refuses(task, change, message):
    with pytest.raises(InputError, match=message):
        work(task._replace(**change))


def test_a_worker_of_another_python_is_welcome(task):
    assert isinstance(work(task._replace(versions={**task.versions, "python": "3.8.0"})), Done)


COMMAND = [sys.executable, "-m", "fmi_mx", "run"]


@pytest.fixture
def long_run(order, fig3):
    """A run of two jobs that would take minutes, in a process group of its own, as a shell makes them; its workers' ids."""
    one = order("long")
    settings = {"long_edge": 48, "filters": "0-3", "stop.passes": 100000, "stop.change": 0}
    options = [part for key, value in settings.items() for part in ("--set", f"{key}={value}")]
    files = ["--weights", str(one.weights), "--images", str(one.images), "--out", str(one.out), "--device", "cpu"]
    command = [*COMMAND, str(fig3), *options, *files, "--jobs", "2"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, encoding="utf-8", start_new_session=True, cwd=ROOT)
    workers = []
    deadline = time.time() + 60
    while len(workers) < 2 and time.time() < deadline:
        time.sleep(0.1)
        workers = [pid for pid in children(process.pid) if b"spawn_main" in command_line(pid)]
    assert len(workers) == 2
    time.sleep(1)
    yield process, workers
    process.kill()
    process.stderr.close()


def children(pid):
    try:
        return list(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()))
    except OSError:
        return []


def command_line(pid):
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def all_gone(pids):
    deadline = time.time() + 20
    while time.time() < deadline:
        if not any(b"spawn_main" in command_line(pid) for pid in pids):
            return True
        time.sleep(0.05)
    return False


@pytest.mark.parametrize("sent, to_all", [(signal.SIGINT, True), (signal.SIGTERM, False), (signal.SIGTERM, True)])
def test_ctrl_c_and_sigterm_end_the_workers_at_once(long_run, sent, to_all):
    process, workers = long_run
    since = time.time()
    (os.killpg if to_all else os.kill)(process.pid, sent)
    assert process.wait(timeout=30) == 130
    assert process.stderr.read().splitlines() == ["fmi: interrupted; the same command resumes"]
    assert all_gone(workers)
    assert time.time() - since < 10


def test_a_coordinator_that_is_killed_leaves_no_orphans(long_run):
    process, workers = long_run
    process.kill()
    process.wait()
    assert all_gone(workers)


@pytest.fixture
def machine(monkeypatch):
    def set_machine(cores, memory, gpus=()):
        monkeypatch.setattr(capacity, "usable_cores", lambda: cores)
        monkeypatch.setattr(capacity.memory, "available", lambda: memory)
        monkeypatch.setattr(capacity, "usable_gpus", lambda: (list(gpus), ""))

    return set_machine


@pytest.mark.parametrize("cores, memory, threads, asked, wanted", [
    (2, 64e9, 1, "auto", 2), (64, 64e9, 1, "auto", 4), (3, 64e9, 2, "auto", 1), (3, None, 1, "auto", 3),
    (4, 2.1e9, 1, "auto", 3), (4, 1, 1, "auto", 1), (1, 1, 1, "7", 7),
])  # fmt: skip
def test_as_many_jobs_as_cores_memory_and_cells_allow(order, machine, cores, memory, threads, asked, wanted):
    """Four cells of 32x24 pixels, 0.55 GB each."""
    machine(cores, memory)
    materials = prepare([order()], "cpu")
    assert capacity.count_of(asked, threads, materials, CPU) == wanted


def test_a_large_image_takes_memory(order, machine):
    machine(64, 10e9)
    small_ones = prepare([order()], "cpu")
    large = prepare([order(long_edge=1024)], "cpu")
    assert capacity.count_of("auto", 1, [*small_ones, *large], CPU) == 3  # of 0.55 GB + 1024 * 768 * 2600 B


@pytest.mark.parametrize("given", ["0", "-1", "two", "", "1.5", "257"])
def test_another_number_of_jobs_is_refused(order, given):
    with pytest.raises(InputError, match="allowed are auto and 1 to 256"):
        capacity.count_of(given, 1, prepare([order()], "cpu"), CPU)


def test_gpus_have_a_job_each(order, machine):
    machine(2, 1, [0, 2])
    (one,) = prepare([order()], "cpu")
    on_gpu = [one.__class__(**{**vars(one), "device": Device("gpu", 0)})]
    for asked, wanted in (("gpu", [0, 2]), ("auto", [0, 2]), ("gpu:0", [0])):
        found = capacity.devices_of(on_gpu, asked)
        assert found == [Device("gpu", number) for number in wanted]
        assert capacity.count_of("auto", 1, on_gpu, found) == len(wanted)


def test_a_pool_of_processes_gives_way_to_a_broken_one():
    with jobs.Processes([{}]) as one:
        with pytest.raises(BrokenExecutor):
            one.submit(os.kill, one.submit(os.getpid).result(), signal.SIGKILL).result()
        assert one.submit(os.getpid).result() != os.getpid()
