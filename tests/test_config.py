"""Configurations: loading, overriding, hashing, and the record beside every output."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwave import __version__
from longwave.config import (
    RunRecord,
    apply_overrides,
    config_hash,
    load_config,
    read_config_file,
    read_run_record,
    to_dict,
    write_json,
    write_run_record,
)
from longwave.errors import ConfigError, MissingFile, StorageError


@dataclass(frozen=True, kw_only=True)
class Inner:
    lr: float = 1e-3
    betas: tuple[float, float] = (0.9, 0.98)


@dataclass(frozen=True, kw_only=True)
class Outer:
    steps: int = 10
    name: str = "a"
    inner: Inner = field(default_factory=Inner)
    maybe: Inner | None = None
    options: Mapping[str, object] = field(default_factory=dict)
    layers: tuple[int, ...] = ()
    path: Path | None = None


@dataclass(frozen=True, kw_only=True)
class Required:
    text: str


def _file(folder: Path, text: str, name: str = "config.yaml") -> Path:
    path = folder / name
    path.write_text(text, "utf-8")
    return path


class TestLoad:
    def test_yaml_becomes_the_dataclass(self, tmp_path: Path) -> None:
        path = _file(tmp_path, "steps: 3\ninner:\n  lr: 1e-2\n  betas: [0.5, 0.6]\nlayers: [1, 7]\n")
        assert load_config(Outer, path) == Outer(
            steps=3, inner=Inner(lr=0.01, betas=(0.5, 0.6)), layers=(1, 7)
        )

    def test_json_becomes_the_dataclass(self, tmp_path: Path) -> None:
        assert load_config(Outer, _file(tmp_path, '{"name": "b"}', "config.json")) == Outer(name="b")

    def test_mapping_becomes_the_dataclass(self) -> None:
        assert load_config(Outer, {"maybe": {"lr": 2.0}}) == Outer(maybe=Inner(lr=2.0))

    @pytest.mark.parametrize(
        ("text", "value"), [("1e-3", 1e-3), ("1E5", 1e5), ("-2.5e+1", -25.0), ("3", 3.0), (".5", 0.5)]
    )
    def test_numbers_are_read_as_people_write_them(self, tmp_path: Path, text: str, value: float) -> None:
        assert load_config(Inner, _file(tmp_path, f"lr: {text}")).lr == value

    def test_record_of_a_run_repeats_it(self, tmp_path: Path) -> None:
        config = Outer(steps=7, inner=Inner(lr=0.5))
        write_run_record(tmp_path, kind="train", config=config, seed=0)
        assert load_config(Outer, tmp_path / "run.json") == config

    def test_unknown_key_is_named_with_its_neighbour_and_line(self, tmp_path: Path) -> None:
        path = _file(tmp_path, "steps: 3\ninner:\n  lrr: 1\n")
        with pytest.raises(
            ConfigError, match=r'Unknown key "lrr" in Inner \(".*config.yaml", line 3\). Did you mean "lr"'
        ):
            load_config(Outer, path)

    def test_unknown_key_lists_what_is_known(self) -> None:
        with pytest.raises(ConfigError, match="Known: lr, betas"):
            load_config(Inner, {"zzz": 1})

    def test_wrong_type_is_named_with_path_line_and_value(self, tmp_path: Path) -> None:
        path = _file(tmp_path, "name: a\ninner:\n  lr: fast\n")
        with pytest.raises(
            ConfigError, match=r'"inner.lr" in Outer \(".*", line 3\) is wrong: .*\(got "fast"\)'
        ):
            load_config(Outer, path)

    @pytest.mark.parametrize("value", ["5", 5.5, True, None, [5]])
    def test_a_whole_number_is_not_guessed_from_something_else(self, value: object) -> None:
        with pytest.raises(ConfigError, match='"steps" in Outer is wrong'):
            load_config(Outer, {"steps": value})

    def test_missing_value_is_named(self) -> None:
        with pytest.raises(ConfigError, match=r'"text" in Required is wrong: Field required\.'):
            load_config(Required, {})

    def test_missing_file_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(MissingFile, match=r'No configuration file ".*none\.yaml"'):
            load_config(Outer, tmp_path / "none.yaml")

    def test_file_in_another_encoding_is_refused(self, tmp_path: Path) -> None:
        path = tmp_path / "config.yaml"
        path.write_bytes("name: café".encode("latin-1"))
        with pytest.raises(ConfigError, match=r"is not UTF-8 text \(byte 9\)"):
            load_config(Outer, path)

    def test_broken_yaml_is_refused_with_its_line(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match=r"is not valid YAML or JSON: (.|\n)*line 2"):
            load_config(Outer, _file(tmp_path, "steps: 1\nname: [1"))

    @pytest.mark.parametrize("text", ["[1, 2]", "hello", "", "3"])
    def test_file_that_is_no_mapping_is_refused(self, tmp_path: Path, text: str) -> None:
        with pytest.raises(ConfigError, match="not a mapping of keys to values"):
            load_config(Outer, _file(tmp_path, text))

    def test_file_cannot_build_python_objects(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match="could not determine a constructor"):
            load_config(Outer, _file(tmp_path, "name: !!python/object/apply:os.system ['true']"))

    def test_lines_of_nested_keys_are_known(self, tmp_path: Path) -> None:
        assert read_config_file(_file(tmp_path, "a:\n  b: 1\nc: 2\n"))[1] == {"a": 1, "a.b": 2, "c": 3}


class TestOverride:
    @pytest.mark.parametrize(
        ("entry", "expected"),
        [
            pytest.param("steps=3", Outer(steps=3), id="number"),
            pytest.param("name=b=c", Outer(name="b=c"), id="equals-in-value"),
            pytest.param("inner.lr=1e-4", Outer(inner=Inner(lr=1e-4)), id="nested"),
            pytest.param("maybe.lr=2.0", Outer(maybe=Inner(lr=2.0)), id="nested-in-none"),
            pytest.param("layers=[1, 7]", Outer(layers=(1, 7)), id="list"),
            pytest.param("options.order=3", Outer(options={"order": 3}), id="open-mapping"),
            pytest.param("options.a.b=1", Outer(options={"a": {"b": 1}}), id="deep-open-mapping"),
            pytest.param("path=x/y", Outer(path=Path("x/y")), id="path"),
            pytest.param("maybe=", Outer(), id="empty-is-none"),
        ],
    )
    def test_setting_is_applied(self, entry: str, expected: Outer) -> None:
        assert apply_overrides(Outer(), [entry]) == expected

    def test_later_setting_wins(self) -> None:
        assert apply_overrides(Outer(), ["steps=1", "steps=2"]).steps == 2

    def test_original_is_left_alone(self) -> None:
        config = Outer(options={"a": 1})
        apply_overrides(config, ["options.a=2"])
        assert config.options == {"a": 1}

    @pytest.mark.parametrize("entry", ["steps", "=3", " =3", ""])
    def test_what_is_no_setting_is_refused(self, entry: str) -> None:
        with pytest.raises(ConfigError, match=r"is not a setting\. Write key=value"):
            apply_overrides(Outer(), [entry])

    def test_unknown_key_is_refused_with_its_neighbour(self) -> None:
        with pytest.raises(ConfigError, match=r'Unknown key "stps" in Outer\. Did you mean "steps"'):
            apply_overrides(Outer(), ["stps=3"])

    def test_unknown_nested_key_is_refused(self) -> None:
        with pytest.raises(ConfigError, match='Unknown key "rate" in Inner'):
            apply_overrides(Outer(), ["inner.rate=3"])

    def test_wrong_type_is_refused(self) -> None:
        with pytest.raises(ConfigError, match='"steps" in Outer is wrong'):
            apply_overrides(Outer(), ["steps=many"])

    def test_value_that_is_no_yaml_is_refused(self) -> None:
        with pytest.raises(ConfigError, match='The value of "layers=\\[1" cannot be read'):
            apply_overrides(Outer(), ["layers=[1"])


class TestPlainValues:
    def test_tuples_and_paths_become_lists_and_strings(self) -> None:
        plain = to_dict(Outer(layers=(1, 2), path=Path("a/b")))
        assert (plain["layers"], plain["path"]) == ([1, 2], "a/b")

    @pytest.mark.parametrize("value", [3, Outer, {"a": 1}])
    def test_only_an_instance_of_a_dataclass_is_a_configuration(self, value: object) -> None:
        with pytest.raises(ConfigError, match="A configuration is a dataclass instance"):
            to_dict(value)

    def test_objects_are_no_values(self) -> None:
        with pytest.raises(ConfigError, match="A configuration holds values only, not object"):
            to_dict(Outer(options={"a": object()}))

    @given(
        st.builds(
            Outer,
            steps=st.integers(-(2**53), 2**53),
            name=st.text(),
            layers=st.lists(st.integers(0, 99)).map(tuple),
            inner=st.builds(Inner, lr=st.floats(allow_nan=False, allow_infinity=False)),
        )
    )
    def test_plain_values_load_back_to_the_same_configuration(self, config: Outer) -> None:
        assert load_config(Outer, to_dict(config)) == config


class TestHash:
    def test_hash_is_sixteen_hexadecimal_digits(self) -> None:
        assert int(config_hash(Outer()), 16) < 16**16
        assert len(config_hash(Outer())) == 16

    def test_order_of_keys_does_not_matter(self) -> None:
        assert config_hash({"a": 1, "b": 2}) == config_hash({"b": 2, "a": 1})

    def test_order_of_parts_matters(self) -> None:
        assert config_hash("a", "b") != config_hash("b", "a")

    @pytest.mark.parametrize("other", [Outer(steps=11), Outer(inner=Inner(lr=2e-3)), Outer(options={"a": 1})])
    def test_every_value_counts(self, other: Outer) -> None:
        assert config_hash(other) != config_hash(Outer())

    def test_hash_is_the_same_on_every_machine_and_day(self) -> None:
        # printf '%s' '[{"a":[1,2]},"b"]' | sha256sum
        assert config_hash({"a": [1, 2]}, "b") == "7fc9d9242a0d9044"

    def test_sets_hash_the_same_whatever_their_order(self) -> None:
        assert config_hash({"a": {"x", "y"}}) == config_hash({"a": ["x", "y"]})


class TestRunRecord:
    def test_record_is_read_back(self, tmp_path: Path) -> None:
        record = write_run_record(tmp_path, kind="train", config=Outer(), seed=5, data_hash="d")
        assert read_run_record(tmp_path) == record

    def test_record_carries_what_repeats_the_run(self, tmp_path: Path) -> None:
        record = write_run_record(tmp_path, kind="train", config=Outer(), seed=5, data_hash="d")
        assert record == RunRecord(
            kind="train",
            version=__version__,
            seed=5,
            config=to_dict(Outer()),
            data_hash="d",
            hash=config_hash(to_dict(Outer()), "d"),
        )

    def test_other_data_is_another_run(self, tmp_path: Path) -> None:
        one, other = (
            write_run_record(tmp_path / name, kind="train", config=Outer(), seed=0, data_hash=name)
            for name in "ab"
        )
        assert one.hash != other.hash

    def test_folder_without_record_has_none(self, tmp_path: Path) -> None:
        assert read_run_record(tmp_path) is None

    @pytest.mark.parametrize("text", ["{}", "[]", "not json", '{"kind": "train"}'])
    def test_file_that_is_no_record_is_refused(self, tmp_path: Path, text: str) -> None:
        _file(tmp_path, text, "run.json")
        with pytest.raises(ConfigError, match="is not a run record"):
            read_run_record(tmp_path)


class TestWriteJson:
    def test_folders_are_made(self, tmp_path: Path) -> None:
        write_json(tmp_path / "a" / "b.json", {"x": [1, "é"]})
        assert json.loads((tmp_path / "a" / "b.json").read_text("utf-8")) == {"x": [1, "é"]}

    def test_full_disk_leaves_the_old_file(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        path = _file(tmp_path, '"old"', "value.json")

        def full(*args: object) -> None:
            raise OSError(28, os.strerror(28))

        monkeypatch.setattr(Path, "write_text", full)
        with pytest.raises(StorageError, match=r"No space left on device.*Free some space"):
            write_json(path, "new")
        assert path.read_text("utf-8") == '"old"'

    def test_failure_leaves_no_half_file(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(self: Path, target: Path) -> None:
            raise OSError(13, os.strerror(13))

        monkeypatch.setattr(Path, "replace", refuse)
        with pytest.raises(StorageError):
            write_json(tmp_path / "value.json", 1)
        assert list(tmp_path.iterdir()) == []

    def test_folder_that_cannot_be_made_is_named(self, tmp_path: Path) -> None:
        _file(tmp_path, "", "file")
        with pytest.raises(StorageError, match=r'Cannot write ".*value\.json"'):
            write_json(tmp_path / "file" / "value.json", 1)
