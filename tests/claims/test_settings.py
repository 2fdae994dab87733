import pytest
from conftest import ROOT

from fmi_mx import InputError
from fmi_mx.claims.settings import load_settings

CLAIMS = ROOT / "experiments" / "claims.yaml"


@pytest.mark.parametrize("overrides, message", [
    ({"images": ["a", "b"], "styles": ["b", "c"]}, "both have an image of the name 'b'; it must be in one of the two"),
    ({"images": ["x" * 200, "b"], "styles": ["x" * 200, "c"]}, "images and styles both have an image of the name 'xxx"),
    ({"seeds": list(range(1000))}, "2 images x 5 layers x 16 filters x 1000 seeds are 160000 pictures; at most 50000 can"),
    ({"images": ["a\nb", "c"]}, "images: must have no control characters, line breaks and surrogates, is 'a.nb'"),
    ({"confidence": 0.991, "resamples": 100}, "resamples: 100 decide nothing at confidence 0.991; 111 are enough"),
    ({"confidence": float("nan")}, "confidence: must be a number"), ({"seed": 10**5000}, "seed: must be a whole number"),
    ({"crops": {"grid": 3}, "crops.grid": 4}, "keys 'crops' and 'crops.grid' are both to be set"),
    ({"crops.grid": float("inf")}, "crops: grid: must be a whole number"), ({"preset": "fast"}, "unknown key 'preset'"),
])  # fmt: skip
def test_what_is_not_allowed_is_refused_by_name(overrides, message):
    with pytest.raises(InputError, match=message) as caught:
        load_settings(CLAIMS, overrides)
    assert str(caught.value).startswith(f"claims {CLAIMS}: ")
    assert str(caught.value).isprintable()
    assert len(str(caught.value).replace(str(CLAIMS), "")) < 300


@pytest.mark.parametrize("name", ["a\nb.yaml", "x" * 10**4, "\ud800"], ids=len)
def test_a_name_that_no_file_has(name):
    with pytest.raises(InputError) as caught:
        load_settings(name, {})
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 400


def test_so_many_resamples_are_enough_that_one_in_all_of_them_and_the_measured_is_a_p_that_decides():
    assert load_settings(CLAIMS, {"confidence": 0.995, "resamples": 199}).resamples == 199
    with pytest.raises(InputError, match="resamples: 198 decide nothing"):
        load_settings(CLAIMS, {"confidence": 0.995, "resamples": 198})
