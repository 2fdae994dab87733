import pytest
from conftest import ROOT

from fmi_mx import InputError
from fmi_mx.claims.settings import load_settings

CLAIMS = ROOT / "experiments" / "claims.yaml"


@pytest.mark.parametrize("overrides, message", [
    ({"images": ["a", "b"], "styles": ["b", "c"]}, "images and styles both have 'b'; an image must be one of the two"),
    ({"images": ["x" * 200, "b"], "styles": ["x" * 200, "c"]}, "images and styles both have 'xxx"),
    ({"seeds": list(range(1000))}, "2 images x 5 layers x 16 filters x 1000 seeds are 160000 pictures; at most 50000 can"),
    ({"images": ["a\nb", "c"]}, "images: must have no control characters, line breaks and surrogates, is 'a.nb'"),
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
