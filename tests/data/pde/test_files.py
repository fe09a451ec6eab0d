"""Published files of FNO and of PDEBench, written here in their layouts, become our own type."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from longwave.data.pde import read_pde_file
from longwave.errors import ConfigError, DataError, MissingExtra, MissingFile

pytestmark = pytest.mark.extra("pde")
RNG = np.random.default_rng(0)
STATIC = {"coeff": RNG.random((5, 7, 7)), "sol": RNG.random((5, 7, 7))}
FLOW = {"a": RNG.random((5, 6, 6)), "u": RNG.random((5, 6, 6, 4)), "t": np.array([[1.0, 2.0, 3.0, 4.0]])}
Write = Callable[[Path, dict[str, np.ndarray]], Path]


def version_5(path: Path, arrays: dict[str, np.ndarray]) -> Path:
    from scipy.io import savemat

    savemat(path, arrays)
    return path


def version_7_3(path: Path, arrays: dict[str, np.ndarray]) -> Path:
    """Write as MATLAB does: its own 512 bytes first, and axes in the other order."""
    h5py = pytest.importorskip("h5py")
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, array in arrays.items():
            file[name] = array.T
    with path.open("r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file".ljust(512))
    return path


def hdf5(path: Path, arrays: dict[str, np.ndarray], **attributes: object) -> Path:
    h5py = pytest.importorskip("h5py")
    with h5py.File(path, "w") as file:
        for name, array in arrays.items():
            file[name] = array
        file.attrs.update(attributes)
    return path


matlab = pytest.mark.parametrize("write", [version_5, version_7_3], ids=["v5", "v7.3"])


@matlab
def test_static_pairs_take_the_first_samples_to_train_and_the_last_to_test(
    write: Write, tmp_path: Path
) -> None:
    made = read_pde_file(write(tmp_path / "darcy.mat", STATIC), n_train=2, n_test=1)
    assert np.allclose(made.train.inputs[:, 0], STATIC["coeff"][:2])
    assert np.allclose(made.test.targets[:, 0], STATIC["sol"][4:])
    assert (made.name, made.is_periodic, made.input_channels[0].name) == ("darcy", False, "coeff")


@matlab
def test_frames_are_channels_with_their_times(write: Write, tmp_path: Path) -> None:
    made = read_pde_file(write(tmp_path / "flow.mat", FLOW), n_train=3, n_test=2)
    assert np.allclose(made.train.inputs[:, 0], FLOW["a"][:3])
    assert np.allclose(made.test.targets, np.moveaxis(FLOW["u"][3:], -1, 1))
    assert made.target_channels[3].name == "u at t=4"
    assert made.is_periodic


@matlab
def test_first_frames_can_be_the_input_and_the_last_one_the_target(write: Write, tmp_path: Path) -> None:
    path = write(tmp_path / "flow.mat", FLOW)
    made = read_pde_file(path, n_train=1, n_test=1, n_context=2, target_frames=[-1])
    assert np.allclose(made.train.inputs[0], np.moveaxis(FLOW["u"][0], -1, 0)[:2])
    assert np.allclose(made.train.targets[0, 0], FLOW["u"][0, ..., 3])
    assert [channel.name for channel in made.target_channels] == ["u at t=4"]


def test_points_can_be_left_out(tmp_path: Path) -> None:
    made = read_pde_file(version_5(tmp_path / "a.mat", STATIC), n_train=1, n_test=1, every=3)
    assert np.allclose(made.train.inputs[0, 0], STATIC["coeff"][0, ::3, ::3])


def test_lines_with_other_names_are_read_by_name(tmp_path: Path) -> None:
    arrays = {"in": RNG.random((3, 8)), "out": RNG.random((3, 8)), "a": np.zeros(3), "u": np.zeros(3)}
    made = read_pde_file(
        version_5(tmp_path / "a.mat", arrays), n_train=2, n_test=1, inputs="in", targets="out"
    )
    assert np.allclose(made.train.targets[:, 0], arrays["out"][:2])


def test_flow_through_rock_of_pdebench(tmp_path: Path) -> None:
    arrays = {"nu": RNG.random((3, 8, 8)), "tensor": RNG.random((3, 1, 8, 8)), "x-coordinate": np.arange(8.0)}
    made = read_pde_file(hdf5(tmp_path / "2D_Darcy.h5", arrays, beta=0.1, what="flow"), n_train=2, n_test=1)
    assert np.allclose(made.train.inputs[:, 0], arrays["nu"][:2])
    assert np.allclose(made.train.targets, arrays["tensor"][:2])
    assert (made.is_periodic, made.constants) == (False, {"beta": 0.1})


def test_frames_alone_of_pdebench(tmp_path: Path) -> None:
    arrays = {"tensor": RNG.random((3, 5, 8)), "t-coordinate": np.arange(6) / 5}
    made = read_pde_file(hdf5(tmp_path / "1D.h5", arrays, nu=np.array([0.01])), n_train=2, n_test=1)
    assert np.allclose(made.train.inputs[:, 0], arrays["tensor"][:2, 0])
    assert np.allclose(made.train.targets, arrays["tensor"][:2, 1:])
    assert (made.target_channels[0].name, made.constants) == ("tensor at t=0.2", {"nu": 0.01})


def test_quantities_of_a_fluid_stand_together_in_every_frame(tmp_path: Path) -> None:
    arrays = {name: RNG.random((2, 3, 4, 5, 6)) for name in ("Vz", "Vx", "Vy", "pressure", "density")}
    made = read_pde_file(hdf5(tmp_path / "3D.h5", arrays), n_train=1, n_test=1, is_periodic=False)
    names = [channel.name for channel in made.target_channels]
    assert names[4:6] == ["Vz in frame 1", "density in frame 2"]
    assert np.allclose(made.test.targets[0, 4], arrays["Vz"][1, 1])
    assert (made.train.inputs.shape, made.is_periodic) == ((1, 5, 4, 5, 6), False)


def test_equal_data_have_equal_hashes(tmp_path: Path) -> None:
    one, other = (
        read_pde_file(write(tmp_path / f"{number}.mat", STATIC), n_train=2, n_test=1)
        for number, write in enumerate((version_5, version_7_3))
    )
    assert one.hash == other.hash


def test_numbers_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    arrays = {"coeff": STATIC["coeff"], "sol": STATIC["sol"].copy()}
    arrays["sol"][1, 3, 3] = np.nan
    with pytest.raises(DataError, match="targets that are not finite, the first is sample 1"):
        read_pde_file(version_5(tmp_path / "a.mat", arrays), n_train=3, n_test=1)


@pytest.mark.parametrize(
    ("arrays", "options", "message"),
    [
        ({"x": np.zeros((3, 4))}, {}, r"no arrays with names that are known; there are: x \(3, 4\)"),
        (STATIC, {"targets": "u"}, r'no array "u"; there are: coeff \(5, 7, 7\)'),
        (STATIC, {"n_train": 5}, "has 5 samples where 6 are asked for"),
        ({"a": np.zeros((3, 4)), "u": np.zeros((2, 4))}, {}, "differ in samples"),
        ({"a": np.zeros((3, 4, 4)), "u": np.zeros((3, 4, 5))}, {}, "make no fields on one grid"),
        ({"a": np.zeros((3, 4)), "u": np.zeros((3, 4, 2, 2))}, {}, r"\(n, \*grid, T\)"),
        ({"tensor": np.zeros((3, 4))}, {}, "1 to 3 axes"),
    ],
    ids=["unknown", "missing", "few", "samples", "grid", "axes", "no-grid"],
)
def test_arrays_that_do_not_fit_are_told(
    arrays: dict[str, np.ndarray], options: dict[str, object], message: str, tmp_path: Path
) -> None:
    path = version_5(tmp_path / "a.mat", arrays)
    with pytest.raises(DataError, match=message):
        read_pde_file(path, **{"n_train": 1, "n_test": 1, **options})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_train": 0}, '"n_train" is 0'),
        ({"every": 0}, '"every" is 0'),
        ({"inputs": "a"}, "targets are not named"),
        ({"n_context": 5}, '"n_context" is 5 where the file has 4 frames'),
        ({"n_context": 4}, '"target_frames" are'),
        ({"targets": "u", "n_context": 0}, "accepted is 1 to 3"),
        ({"target_frames": [4]}, r'"target_frames" are \[4\] where the file has 4 frames'),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_settings_out_of_range_are_named(options: dict[str, object], message: str, tmp_path: Path) -> None:
    path = version_5(tmp_path / "a.mat", FLOW)
    with pytest.raises(ConfigError, match=message):
        read_pde_file(path, **{"n_train": 1, "n_test": 1, **options})


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingFile, match=r'No file ".*gone.mat"'):
        read_pde_file(tmp_path / "gone.mat", n_train=1, n_test=1)


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04 a zip archive"], ids=["empty", "zip"])
def test_another_kind_of_file_is_refused(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.mat").write_bytes(data)
    with pytest.raises(DataError, match="neither a MATLAB nor an HDF5 file"):
        read_pde_file(tmp_path / "a.mat", n_train=1, n_test=1)


@pytest.mark.parametrize("write", [version_5, version_7_3, hdf5], ids=["v5", "v7.3", "h5"])
@pytest.mark.parametrize("kept", [0.3, 0.9])
def test_a_cut_file_is_told(write: Write, kept: float, tmp_path: Path) -> None:
    path = write(tmp_path / "a.mat", STATIC)
    data = path.read_bytes()
    path.write_bytes(data[: int(kept * len(data))])
    with pytest.raises(DataError, match="is damaged"):
        read_pde_file(path, n_train=1, n_test=1)


@pytest.mark.parametrize(("write", "library"), [(hdf5, "h5py")], ids=["h5py"])
def test_without_the_library_the_extra_is_named(
    write: Write, library: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "a.mat", STATIC)
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(MissingExtra, match=r"longwave\[pde\]"):
        read_pde_file(path, n_train=1, n_test=1)
