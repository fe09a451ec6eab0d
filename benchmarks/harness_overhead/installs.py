"""How much an environment holds: packages and bytes beyond what does not count."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

APART = ("numpy", "polars", "polars-runtime-32", "pip", "setuptools", "wheel")

# runs under the environment's own Python, which may know neither this package nor numpy
LIST = """
import importlib.metadata, json, os, sysconfig
folder = sysconfig.get_paths()["purelib"]
total = sum(os.lstat(os.path.join(at, name)).st_size for at, _, names in os.walk(folder) for name in names)
found = []
for item in importlib.metadata.distributions(path=[folder]):
    paths = [item.locate_file(path) for path in item.files or ()]
    there = [path for path in paths if str(path).startswith(folder) and os.path.exists(path)]
    sizes = [os.lstat(path).st_size for path in there]
    found.append([item.metadata["Name"], item.version, sum(sizes)])
print(json.dumps({"bytes": total, "packages": found}))
"""


def measure_install(python: Path) -> dict[str, object]:
    """Count the packages of an environment and their bytes, without pip, setuptools, numpy and polars.

    Bytes are those of all files of ``site-packages``, byte code included, less the files that the packages
    set apart list as their own.
    """
    ran = subprocess.run([str(python), "-c", LIST], capture_output=True, text=True, check=True)
    found = json.loads(ran.stdout)
    counted, apart = {}, 0
    versions = {}
    for name, version, size in found["packages"]:
        if name.lower().replace("_", "-") in APART:
            apart += size
        else:
            counted[name] = round(size / 1e6, 2)
            versions[name] = version
    return {
        "packages": len(counted),
        "mb": round((found["bytes"] - apart) / 1e6, 1),
        "has_torch": "torch" in counted,
        "mb_of": dict(sorted(counted.items(), key=lambda item: -item[1])),
        "versions": dict(sorted(versions.items())),
    }
