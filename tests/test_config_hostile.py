"""Configurations that are broken on purpose: odd files, contradicting settings, texts no encoding holds."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import pytest

from longwave.config import apply_overrides, read_config_file, read_run_record, write_json
from longwave.errors import ConfigError


class TestHostileFiles:
    def read(self, tmp_path, text):
        path = tmp_path / "c.yaml"
        path.write_text(text, "utf-8")
        return read_config_file(path)

    @pytest.mark.parametrize(
        ("text", "key", "lines"),
        [
            ("a: 1\nb: 2\na: 3\n", "a", "1, 3"),
            ("a:\n  b: 1\n  b: 1\n", "a.b", "2, 3"),
            ('{"a": 1, "a": 2}', "a", "1, 1"),
        ],
        ids=["top", "nested", "json"],
    )
    def test_key_that_is_set_twice_is_refused(self, tmp_path, text, key, lines):
        with pytest.raises(ConfigError, match=rf'sets "{key}" twice \(lines {lines}\)'):
            self.read(tmp_path, text)

    def test_merged_mapping_may_be_overridden(self, tmp_path):
        data, _ = self.read(tmp_path, "base: &b {x: 1, y: 2}\nown: {<<: *b, y: 3}\n")
        assert data["own"] == {"x": 1, "y": 3}

    @pytest.mark.parametrize("text", ["a: &a {b: *a}", "a: " + "[" * 1000], ids=["itself", "deep"])
    def test_endless_nesting_is_refused(self, tmp_path, text):
        with pytest.raises(ConfigError, match="nested too deep, or holds itself"):
            self.read(tmp_path, text)

    @pytest.mark.parametrize(
        ("text", "match"),
        [
            ("", "holds NoneType"),
            ("a: 1\n---\na: 2", "expected a single document"),
            ("a: \0", "special characters are not allowed"),
            ("a:\t1", "cannot start any token"),
            ("? [a, b]\n: 1", "unhashable key"),
        ],
        ids=["empty", "two-documents", "nul", "tab", "list-as-key"],
    )
    def test_odd_yaml_is_refused_with_its_file(self, tmp_path, text, match):
        with pytest.raises(ConfigError, match=rf"(?s)c\.yaml.*{match}"):
            self.read(tmp_path, text)

    def test_byte_order_mark_is_no_part_of_a_key(self, tmp_path):
        assert self.read(tmp_path, "\ufeffa: 3")[0] == {"a": 3}


@dataclass(frozen=True, kw_only=True)
class Open:
    options: dict[str, object] = field(default_factory=dict)


class TestOverrideOfOpenMappings:
    @pytest.mark.parametrize(
        ("settings", "expected"),
        [
            (["options.a.b=1"], {"a": {"b": 1}}),
            (["options.a=1", "options.a.b=2"], {"a": {"b": 2}}),
            (["options.a=1", "options.a.b.c=2"], {"a": {"b": {"c": 2}}}),
            (["options.a.b=1", "options.a.c=2"], {"a": {"b": 1, "c": 2}}),
            (["options={x: 1}", "options.y=2"], {"x": 1, "y": 2}),
        ],
        ids=["nested", "value-then-mapping", "value-then-deep", "beside", "whole-then-one"],
    )
    def test_settings_build_a_mapping(self, settings, expected):
        assert apply_overrides(Open(), settings).options == expected

    def test_mapping_of_the_original_is_left_alone(self):
        config = Open(options={"a": {"b": 1}})
        apply_overrides(config, ["options.a.b=2"])
        assert config.options == {"a": {"b": 1}}


class TestOddText:
    @pytest.mark.parametrize("text", ["\ud800", "é", "\0", "\u2028", 'a"b\\'], ids=ascii)
    def test_any_text_is_written_and_read_back(self, tmp_path, text):
        write_json(tmp_path / "a.json", {"x": text})
        assert json.loads((tmp_path / "a.json").read_text("utf-8")) == {"x": text}
        assert [path.name for path in tmp_path.iterdir()] == ["a.json"]

    def test_objects_are_refused_before_the_file_is_touched(self, tmp_path):
        write_json(tmp_path / "a.json", {"x": 1})
        with pytest.raises(ConfigError, match="values only, not object"):
            write_json(tmp_path / "a.json", {"x": object()})
        assert json.loads((tmp_path / "a.json").read_text()) == {"x": 1}
        assert len(list(tmp_path.iterdir())) == 1

    @pytest.mark.parametrize("content", [b"[]", b"\xff", b'{"kind": 1}', b""], ids=str)
    def test_damaged_record_is_named(self, tmp_path, content):
        (tmp_path / "run.json").write_bytes(content)
        with pytest.raises(ConfigError, match=r"run\.json\" is not a run record.*delete the file"):
            read_run_record(tmp_path)
