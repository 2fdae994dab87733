"""Run folders as a finished run leaves them, for the tests of what reads them."""

import json

import cv2
import numpy as np

from fmi_mx.files import store


def finished_run(folder, experiment, pictures, failed=(), width=1, facts=None, arrays=None):
    """Writes a run's folder. experiment: as ``as_data`` gives it. pictures: name of a cell -> uint8 (H, W, 3). failed: names
    of cells that failed. facts, arrays: name of a cell -> what else its record says, and its arrays. Returns the folder."""
    specifications = {name: {"name": name} for name in (*pictures, *failed)}
    (folder / "cells").mkdir(parents=True, exist_ok=True)
    for name, picture in pictures.items():
        png = cv2.imencode(".png", picture[..., ::-1])[1].tobytes()
        record = {"specification": specifications[name], **(facts or {}).get(name, {})}
        store.save_cell(folder, name, png, (arrays or {}).get(name, {}), record)
    for name in failed:
        store.save_failure(folder, name, {"specification": specifications[name], "failed": "it exploded"})
    digests = {name: store.data_digest(one) for name, one in specifications.items()}
    content = {"experiment": experiment, "cells": list(specifications), "specifications": digests, "width": width}
    (folder / "run.json").write_text(json.dumps(content), encoding="utf-8")
    return folder


def rewrite(folder, name, arrays=None, **facts):
    """Stores a cell again that has other arrays, and whose record says other things."""
    record = {key: value for key, value in store.read_record(folder, name).items() if key != "files"}
    with np.load(folder / "cells" / f"{name}.npz") as stored:
        kept = {**stored, **(arrays or {})}
    store.save_cell(folder, name, (folder / "cells" / f"{name}.png").read_bytes(), kept, {**record, **facts})
