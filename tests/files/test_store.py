import fcntl
import json
import os
import subprocess
import sys

import numpy as np
import pytest

from fmi_mx import InputError
from fmi_mx.files import store, whole


def files(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def save(folder, name="a", picture=b"png", image=(0.0,), **facts):
    """Stores a cell."""
    (folder / "cells").mkdir(parents=True, exist_ok=True)
    store.save_cell(folder, name, picture, {"image": np.array(image)}, {"specification": {"name": name}, **facts})


def test_a_cell_comes_back(tmp_path):
    folder = tmp_path / "run"
    with store.locked(folder):
        save(folder, "a.relu1_2.f000", image=np.arange(6.0), passes=3)
        assert store.read_record(folder, "a.relu1_2.f000")["passes"] == 3
        np.testing.assert_array_equal(store.read_array(folder, "a.relu1_2.f000", "image"), np.arange(6.0))
    assert sorted(files(folder)) == [".lock"] + [f"cells/a.relu1_2.f000.{end}" for end in ("json", "npz", "png")]


@pytest.mark.parametrize("suffix", ["png", "npz", "json"])
def test_a_cell_with_a_file_gone_is_not_there(tmp_path, suffix):
    save(tmp_path)
    (tmp_path / "cells" / f"a.{suffix}").unlink()
    assert store.read_record(tmp_path, "a") is None


@pytest.mark.parametrize("suffix", [".png", ".npz"])
def test_a_cell_whose_files_are_not_as_written_is_not_there(tmp_path, suffix):
    save(tmp_path)
    path = tmp_path / "cells" / f"a{suffix}"
    path.write_bytes(path.read_bytes()[:-1])
    assert store.read_record(tmp_path, "a") is None


@pytest.mark.parametrize("data", [b"{}", b'{"files": 3}', b"3", b"[1]", b"\xff\xfe", b"", b"{"])
def test_a_record_that_is_none_is_not_there(tmp_path, data):
    save(tmp_path)
    (tmp_path / "cells" / "a.json").write_bytes(data)
    assert store.read_record(tmp_path, "a") is None


@pytest.mark.parametrize("seconds", [b"NaN", b"1" + 400 * b"0", b"-1", b'"x"'])
def test_a_record_whose_seconds_are_no_number_is_not_there(tmp_path, seconds):
    """Its digest does not tell."""
    save(tmp_path, seconds=2.5)
    path = tmp_path / "cells" / "a.json"
    data = path.read_bytes()
    assert data.count(b"2.5") == 1
    path.write_bytes(data.replace(b"2.5", seconds))
    assert store.read_record(tmp_path, "a") is None


def test_a_file_that_goes_while_it_is_read_is_not_there(tmp_path, monkeypatch):
    save(tmp_path)
    whole = store.read_record(tmp_path, "a")

    def gone(path):
        raise FileNotFoundError(2, "No such file", str(path))

    monkeypatch.setattr(store, "file_digest", gone)
    assert store.read_record(tmp_path, "a") is None
    assert store.read_picture(tmp_path, whole) is None


def test_a_damaged_array_is_refused(tmp_path):
    save(tmp_path)
    (tmp_path / "cells" / "a.npz").write_bytes(b"PK\x03\x04")
    with pytest.raises(InputError, match="a.npz is damaged"):
        store.read_array(tmp_path, "a", "image")


@pytest.mark.parametrize("broken", ["a.npz", "a.png", "a.json"])
def test_a_cell_written_over_and_cut_off_is_not_there(tmp_path, monkeypatch, broken):
    """Neither the old cell, half replaced, nor the new one: whatever file the writing was stopped at."""
    save(tmp_path, which="old")
    rename = whole.os.replace

    def stop_at(source, target):
        if target.name == broken:
            raise KeyboardInterrupt
        rename(source, target)

    monkeypatch.setattr(whole.os, "replace", stop_at)
    with pytest.raises(KeyboardInterrupt):
        save(tmp_path, picture=b"new", image=[1.0], which="new")
    assert store.read_record(tmp_path, "a") is None


def test_the_same_cell_is_the_same_bytes(tmp_path):
    for name in ("one", "two"):
        save(tmp_path / name, image=np.ones(3), passes=1)
    assert files(tmp_path / "one") == files(tmp_path / "two")


def test_a_second_run_is_refused_and_told_of_the_first(tmp_path):
    with store.locked(tmp_path):
        with pytest.raises(InputError, match=r"in use by process \d+ on ") as caught, store.locked(tmp_path):
            pytest.fail("two runs in one folder")
        assert "\n" not in str(caught.value)
    with store.locked(tmp_path):  # free again
        pass


def test_the_lock_of_a_dead_run_holds_nobody_up_and_its_leftovers_go(tmp_path):
    (tmp_path / "cells").mkdir()
    (tmp_path / ".lock").write_text("process 1 on elsewhere", encoding="utf-8")
    (tmp_path / "cells" / "a.npz.0123ab.fmi-part").write_bytes(b"half")
    (tmp_path / "run.json.fedcba.fmi-part").write_bytes(b"half")
    (tmp_path / "deep").mkdir()
    for mine in (".tmp-notes", "deep/a.fmi-part", "cells/.tmp-a.png"):
        (tmp_path / mine).write_text("the user's own", encoding="utf-8")
    with store.locked(tmp_path):
        assert sorted(files(tmp_path)) == [".lock", ".tmp-notes", "cells/.tmp-a.png", "deep/a.fmi-part"]
        with open(tmp_path / ".lock", encoding="utf-8") as lock, pytest.raises(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    assert (tmp_path / ".lock").read_text(encoding="utf-8") == ""


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(InputError, match="cannot be written"), store.locked(tmp_path / "file" / "run"):
        pass


def test_a_file_is_on_the_disk_before_it_has_its_name(tmp_path, monkeypatch):
    done = []
    for name in ("fsync", "replace"):
        original = getattr(whole.os, name)
        monkeypatch.setattr(whole.os, name, lambda *a, name=name, original=original: done.append(name) or original(*a))
    whole.write_file(tmp_path / "x", b"data")
    assert done == ["fsync", "replace"]


def test_what_fails_half_way_leaves_nothing(tmp_path):
    (tmp_path / "x").write_text("old", encoding="utf-8")
    with pytest.raises(ZeroDivisionError), whole.aside(tmp_path / "x") as temporary:
        temporary.write_text("half", encoding="utf-8")
        raise ZeroDivisionError
    assert files(tmp_path) == {"x": b"old"}


@pytest.mark.parametrize("change", [
    {"passes": 4}, {"specification": {"name": "b"}}, {"failed": "no"}, {"files": {}}, {"more": 1}, {"record_sha256": "0"},
    {"seconds": [1]},
])  # fmt: skip
def test_a_record_that_says_another_thing_than_was_written_is_not_there(tmp_path, change):
    save(tmp_path, passes=3)
    path = tmp_path / "cells" / "a.json"
    path.write_text(json.dumps({**json.loads(path.read_text(encoding="utf-8")), **change}), encoding="utf-8")
    assert store.read_record(tmp_path, "a") is None


def test_a_record_under_another_name_is_not_there(tmp_path):
    save(tmp_path)
    for path in list((tmp_path / "cells").iterdir()):
        path.rename(path.with_name(path.name.replace("a.", "b.", 1)))
    assert store.read_record(tmp_path, "b") is None


def test_a_failed_cell_is_its_record_alone(tmp_path):
    save(tmp_path)
    store.save_failure(tmp_path, "a", {"specification": {"name": "a"}, "failed": "it exploded"})
    assert sorted(files(tmp_path)) == ["cells/a.json"]
    assert store.read_record(tmp_path, "a")["failed"] == "it exploded"


def test_several_files_are_there_together_or_not_at_all(tmp_path, monkeypatch):
    """Also where the disk says only in the end that it is full."""
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_text("old", encoding="utf-8")

    def write():
        with whole.together(one, two) as parts:
            for part in parts:
                part.write_text("new", encoding="utf-8")

    calls = []

    def full(descriptor):
        calls.append(descriptor)
        if len(calls) == 2:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(whole.os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write()
    assert files(tmp_path) == {"one": b"old"}
    monkeypatch.undo()
    write()
    assert files(tmp_path) == {"one": b"new", "two": b"new"}


def test_where_one_of_several_files_is_a_folder_none_is_replaced(tmp_path):
    (tmp_path / "one").write_text("old", encoding="utf-8")
    (tmp_path / "two").mkdir()
    with pytest.raises(IsADirectoryError) as caught, whole.together(tmp_path / "one", tmp_path / "two") as parts:
        for part in parts:
            part.write_text("new", encoding="utf-8")
    assert caught.value.filename == str(tmp_path / "two")
    assert files(tmp_path) == {"one": b"old"}


LINKS = {"a symbolic link": os.symlink, "a second name": os.link}


@pytest.mark.parametrize("kind", LINKS)
def test_a_lock_that_is_a_file_of_the_users_is_left_alone(tmp_path, kind):
    (tmp_path / "mine").write_text("mine", encoding="utf-8")
    (tmp_path / "run").mkdir()
    LINKS[kind](tmp_path / "mine", tmp_path / "run" / ".lock")
    with pytest.raises(InputError, match="another with --out"), store.locked(tmp_path / "run"):
        pass
    assert (tmp_path / "mine").read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize("kind", LINKS)
def test_nothing_is_written_through_links_under_the_names_that_are_used(tmp_path, monkeypatch, kind):
    """Whatever name a part file may have, another file under it is neither written nor emptied."""
    (tmp_path / "mine").write_text("mine", encoding="utf-8")
    names = iter(["aaaaaa", "bbbbbb"])
    monkeypatch.setattr(whole.secrets, "token_hex", lambda _: next(names))
    LINKS[kind](tmp_path / "mine", tmp_path / "x.png.aaaaaa.fmi-part")
    LINKS[kind](tmp_path / "mine", tmp_path / "x.png.fmi-part")
    whole.write_file(tmp_path / "x.png", b"picture")
    assert (tmp_path / "mine").read_text(encoding="utf-8") == "mine"
    assert (tmp_path / "x.png").read_bytes() == b"picture"


@pytest.mark.parametrize("written", ["x", "report[1].json"])
def test_the_next_writer_removes_what_a_killed_one_left_and_no_other(tmp_path, written):
    leave = "import sys, time\nfrom fmi_mx.files import whole\n" + (
        "with whole.aside(sys.argv[1]) as part:\n    print(part, flush=True)\n    time.sleep(60)\n"
    )
    path = tmp_path / written
    process = subprocess.Popen([sys.executable, "-c", leave, str(path)], stdout=subprocess.PIPE, encoding="utf-8")
    part = process.stdout.readline().strip()
    whole.write_file(path, b"while the other still writes")
    assert os.path.exists(part)
    process.kill()
    process.wait()
    (tmp_path / f"other.{part[-15:]}").write_text("of another file", encoding="utf-8")
    whole.write_file(path, b"after it was killed")
    assert files(tmp_path) == {written: b"after it was killed", f"other.{part[-15:]}": b"of another file"}


@pytest.mark.parametrize("anew", [False, True])
def test_a_folder_deleted_or_made_anew_under_a_run_is_noticed(tmp_path, anew):
    with store.locked(tmp_path / "run") as check:
        check()
        (tmp_path / "run").rename(tmp_path / "away")
        if anew:
            (tmp_path / "run").mkdir()
            (tmp_path / "run" / ".lock").write_text("", encoding="utf-8")
        with pytest.raises(InputError, match="was deleted or replaced"):
            check()


def test_files_have_the_rights_that_the_user_gives_new_ones(tmp_path):
    before = os.umask(0o027)
    try:
        whole.write_file(tmp_path / "x", b"")
    finally:
        os.umask(before)
    assert (tmp_path / "x").stat().st_mode & 0o777 == 0o640


def test_the_longest_name_that_is_written_is_as_long_as_is_said(tmp_path, monkeypatch):
    seen = []
    original = whole.os.open
    monkeypatch.setattr(whole.os, "open", lambda path, *rest: seen.append(os.path.basename(path)) or original(path, *rest))
    save(tmp_path, "name")
    assert max(map(len, seen)) == len("name") + whole.LONGEST


def test_a_run_begins_though_somebody_looks_at_its_lock_in_that_moment(tmp_path, monkeypatch):
    """As `fmi status` does."""
    with store.locked(tmp_path):
        pass
    with open(tmp_path / ".lock", encoding="utf-8") as looks:
        fcntl.flock(looks, fcntl.LOCK_SH)
        monkeypatch.setattr(store.time, "sleep", lambda _: fcntl.flock(looks, fcntl.LOCK_UN))
        with store.locked(tmp_path):
            assert store.occupant(tmp_path)
