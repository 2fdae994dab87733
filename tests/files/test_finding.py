import os

import pytest

from fmi_mx import InputError
from fmi_mx.files.finding import PACKAGED, find_image, image_name


@pytest.fixture
def folder(tmp_path):
    """An images folder whose files have no bytes: what they hold is not asked."""
    for name in ("bridge.jpg", "lake.JPG", "scan.tif", "page.Tiff", "web.webp", "old.bmp", "photo.jpeg", "my.photo.png",
                 "both.png", "both.PNG", "twice.jpg", "twice.png", "notes.txt", "no_suffix"):  # fmt: skip
        (tmp_path / name).touch()
    (tmp_path / "directory.png").mkdir()
    return tmp_path


@pytest.mark.parametrize("name, file", [
    ("bridge", "bridge.jpg"), ("bridge.jpg", "bridge.jpg"), ("bridge.JPG", "bridge.jpg"), ("lake", "lake.JPG"),
    ("lake.jpg", "lake.JPG"), ("scan", "scan.tif"), ("page", "page.Tiff"), ("web", "web.webp"), ("old", "old.bmp"),
    ("photo", "photo.jpeg"), ("my.photo", "my.photo.png"), ("my.photo.png", "my.photo.png"), ("twice.jpg", "twice.jpg"),
    ("both.PNG", "both.PNG"),
])  # fmt: skip
def test_a_name_with_or_without_suffix_is_found_in_the_folder(folder, name, file):
    assert find_image(name, folder) == folder / file
    assert find_image(str(folder / file), "elsewhere") == folder / file


def test_a_file_here_comes_before_one_in_the_folder(folder, tmp_path_factory, monkeypatch):
    monkeypatch.chdir(tmp_path_factory.mktemp("here"))
    assert find_image("bridge.jpg", folder) == folder / "bridge.jpg"
    with open("bridge.jpg", "wb"):
        assert os.path.samefile(find_image("bridge.jpg", folder), "bridge.jpg")
    assert find_image("bridge", folder) == folder / "bridge.jpg"


def test_what_scikit_image_carries_is_found_behind_the_folder(folder):
    assert find_image("coffee", folder) == find_image("coffee.png", folder) == PACKAGED / "coffee.png"
    (folder / "coffee.jpg").touch()
    assert find_image("coffee", folder) == folder / "coffee.jpg"


@pytest.mark.parametrize("name, message", [
    ("bridg", "(did you mean 'bridge'?)"),
    ("bridge.png", "images there: both, bridge, lake"),
    ("notes", "images there: both, bridge"),
    ("notes.txt", "images there: both, bridge"),
    ("directory", "images there: both, bridge"),
    ("twice", "is there more than once, as twice.jpg, twice.png; give the name with its suffix"),
    ("sub/bridge", "no such file"),
    ("no/such.png", "no such file"),
    ("/", "is no regular file"),
    ("/dev/null", "is no regular file"),
    ("x" * 5000, "images there: both, bridge"),
    ("x" * 5000 + ".png", "images there: both, bridge"),
    ("a\nb", "must have no control characters"),
    ("a\0.png", "must have no control characters"),
    ("\udcff.png", "must have no control characters"),
    ("\x1b[31mred", "must have no control characters"),
])  # fmt: skip
def test_what_is_not_found_is_refused_in_one_short_line(folder, name, message):
    with pytest.raises(InputError) as error:
        find_image(name, folder)
    assert message in str(error.value)
    assert str(error.value).isprintable()
    assert len(str(error.value)) < 1000


def test_a_message_lists_twenty_images_at_most(tmp_path):
    for number in range(25):
        (tmp_path / f"image{number:02d}.png").touch()
    with pytest.raises(InputError, match="image18, image19 and 5 more"):
        find_image("other", tmp_path)


@pytest.mark.parametrize("place", ["empty", "none", "no\0folder"])
def test_only_where_there_are_no_images_it_is_said(tmp_path, place):
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no images there; `fmi images fetch` gets the paper's, and `make demo` needs none"):
        find_image("bridge", tmp_path / place)


@pytest.mark.parametrize("image, name", [
    ("bridge", "bridge"), ("images/bridge.jpg", "bridge"), ("a/b.JPEG", "b"), ("my.photo", "my.photo"),
    ("my.photo.jpg", "my.photo"), ("x.tif.webp", "x.tif"), ("v1.5", "v1.5"), ("~/a b.TIFF", "a b"),
])  # fmt: skip
def test_the_name_in_cells_loses_no_more_than_the_suffix_of_an_image(image, name):
    assert image_name(image) == name
