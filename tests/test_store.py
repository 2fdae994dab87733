import fcntl

import numpy as np
import pytest

from fmi_mx import InputError, store


def files(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_a_cell_comes_back(tmp_path):
    with store.locked(tmp_path / "run") as folder:
        store.save_cell(folder, "a.relu1_2.f000", b"png", {"image": np.arange(6.0)}, {"passes": 3})
        assert store.read_record(folder, "a.relu1_2.f000")["passes"] == 3
        np.testing.assert_array_equal(store.read_array(folder, "a.relu1_2.f000", "image"), np.arange(6.0))
    assert sorted(files(folder)) == [".lock"] + [f"cells/a.relu1_2.f000.{end}" for end in ("json", "npz", "png")]


@pytest.mark.parametrize("suffix", ["png", "npz", "json"])
def test_a_cell_with_a_file_gone_is_not_there(tmp_path, suffix):
    with store.locked(tmp_path) as folder:
        store.save_cell(folder, "a", b"png", {"image": np.zeros(1)}, {})
    (tmp_path / "cells" / f"a.{suffix}").unlink()
    assert store.read_record(tmp_path, "a") is None


@pytest.mark.parametrize("suffix", [".png", ".npz"])
def test_a_cell_whose_files_are_not_as_written_is_not_there(tmp_path, suffix):
    with store.locked(tmp_path) as folder:
        store.save_cell(folder, "a", b"png", {"image": np.zeros(1)}, {})
    path = tmp_path / "cells" / f"a{suffix}"
    path.write_bytes(path.read_bytes()[:-1])
    assert store.read_record(tmp_path, "a") is None


@pytest.mark.parametrize("data", [b"{}", b'{"files": 3}', b"3", b"[1]", b"\xff\xfe", b"", b"{"])
def test_a_record_that_is_none_is_not_there(tmp_path, data):
    with store.locked(tmp_path) as folder:
        store.save_cell(folder, "a", b"png", {"image": np.zeros(1)}, {})
    (tmp_path / "cells" / "a.json").write_bytes(data)
    assert store.read_record(tmp_path, "a") is None


def test_a_damaged_array_is_refused(tmp_path):
    with store.locked(tmp_path) as folder:
        store.save_cell(folder, "a", b"png", {"image": np.zeros(1)}, {})
    (tmp_path / "cells" / "a.npz").write_bytes(b"PK\x03\x04")
    with pytest.raises(InputError, match="a.npz is damaged"):
        store.read_array(tmp_path, "a", "image")


@pytest.mark.parametrize("broken", ["a.npz", "a.png", "a.json"])
def test_a_cell_written_over_and_cut_off_is_not_there(tmp_path, monkeypatch, broken):
    """Neither the old cell, half replaced, nor the new one: whatever file the writing was stopped at."""
    with store.locked(tmp_path) as folder:
        store.save_cell(folder, "a", b"old", {"image": np.zeros(1)}, {"which": "old"})
        rename = store.os.replace

        def stop_at(source, target):
            if target.name == broken:
                raise KeyboardInterrupt
            rename(source, target)

        monkeypatch.setattr(store.os, "replace", stop_at)
        with pytest.raises(KeyboardInterrupt):
            store.save_cell(folder, "a", b"new", {"image": np.ones(1)}, {"which": "new"})
    assert store.read_record(tmp_path, "a") is None


def test_the_same_cell_is_the_same_bytes(tmp_path):
    for name in ("one", "two"):
        with store.locked(tmp_path / name) as folder:
            store.save_cell(folder, "a", b"png", {"image": np.ones(3), "loss": np.zeros(2)}, {"passes": 1})
    assert files(tmp_path / "one") == files(tmp_path / "two")


def test_a_second_run_is_refused_and_told_of_the_first(tmp_path):
    with store.locked(tmp_path) as folder:
        with pytest.raises(InputError, match=r"in use by process \d+ on ") as caught, store.locked(folder):
            pytest.fail("two runs in one folder")
        assert "\n" not in str(caught.value)
    with store.locked(tmp_path):  # free again
        pass


def test_the_lock_of_a_dead_run_holds_nobody_up_and_its_leftovers_go(tmp_path):
    (tmp_path / "cells").mkdir()
    (tmp_path / ".lock").write_text("process 1 on elsewhere")
    (tmp_path / "cells" / "a.npz.fmi-part").write_bytes(b"half")
    (tmp_path / "deep").mkdir()
    for mine in (".tmp-notes", "deep/a.fmi-part", "cells/.tmp-a.png"):
        (tmp_path / mine).write_text("the user's own")
    with store.locked(tmp_path):
        assert sorted(files(tmp_path)) == [".lock", ".tmp-notes", "cells/.tmp-a.png", "deep/a.fmi-part"]
        with open(tmp_path / ".lock") as lock, pytest.raises(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    assert (tmp_path / ".lock").read_text() == ""


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"), store.locked(tmp_path / "file" / "run"):
        pass


def test_a_file_is_on_the_disk_before_it_has_its_name(tmp_path, monkeypatch):
    done = []
    for name in ("fsync", "replace"):
        original = getattr(store.os, name)
        monkeypatch.setattr(store.os, name, lambda *a, name=name, original=original: done.append(name) or original(*a))
    store.write_file(tmp_path / "x", b"data")
    assert done == ["fsync", "replace"]


def test_what_fails_half_way_leaves_nothing(tmp_path):
    (tmp_path / "x").write_text("old")
    with pytest.raises(ZeroDivisionError), store.aside(tmp_path / "x") as temporary:
        temporary.write_text("half")
        raise ZeroDivisionError
    assert files(tmp_path) == {"x": b"old"}
