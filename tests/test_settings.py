"""The settings: where they come from, which one wins, and what is refused."""

import dataclasses
from pathlib import Path

import pytest

from conf.settings import Settings, WrongSetting, load, to_environ


def config(tmp_path: Path, text: str) -> dict[str, str]:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    return {"OPENBOURSE_CONFIG": str(path)}


def test_the_shipped_settings_listen_on_this_machine_only():
    shipped = load({})
    assert (shipped.rest.host, shipped.rest.port) == ("127.0.0.1", 3000)
    assert (shipped.ws.host, shipped.ws.port) == ("127.0.0.1", 4000)
    assert shipped.journal.sync == "batch"
    assert shipped.demo


def test_the_shipped_file_says_what_the_defaults_say():
    assert load({}) == Settings(data_dir=Path("data"))


def test_the_environment_wins_over_the_file_and_the_file_over_the_defaults(tmp_path):
    environ = config(tmp_path, "[rest]\nport = 5000\nworkers = 2\n")
    assert load(environ).rest.port == 5000
    both = load(environ | {"OPENBOURSE_REST_PORT": "6000"})
    assert (both.rest.port, both.rest.workers, both.ws.port) == (6000, 2, 4000)


def test_a_child_process_loads_exactly_the_same_settings(tmp_path):
    mine = config(tmp_path, 'demo = false\ndata_dir = "there"\n[journal]\nsync = "interval"\n')
    settings = load(mine | {"OPENBOURSE_REST_ANSWER_TIMEOUT_S": "0.25"})
    assert load(to_environ(settings)) == settings
    assert not settings.demo
    assert settings.data_dir == Path("there")


def test_every_field_reaches_a_child_process():
    settings = Settings(data_dir=Path("elsewhere"))
    for section in dataclasses.fields(settings):
        values = getattr(settings, section.name)
        for one in dataclasses.fields(values) if dataclasses.is_dataclass(values) else ():
            assert f"OPENBOURSE_{section.name}_{one.name}".upper() in to_environ(settings)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[rest]\nport = 70000", "rest.port is 70000; allowed is 0 to 65535"),
        ("[rest]\nport = 1.5", "rest.port is 1.5; a whole number is needed"),
        ('[rest]\nport = "many"', "rest.port is 'many'; a whole number is needed"),
        ("[rest]\nprot = 1", "unknown setting rest.prot; known are host, port"),
        ("[nest]\nport = 1", "unknown setting 'nest'; known are data_dir"),
        ("rest = 3000", "unknown setting 'rest'"),
        ("[journal]\ninterval_ms = 0", "journal.interval_ms is 0 ms; allowed is 1 to 10000"),
        ('[journal]\nsync = "never"', "journal.sync is 'never'; allowed are batch, interval, off"),
        ('demo = "maybe"', "demo is 'maybe'; allowed are true and false"),
        ("[rest", "cannot read the configuration file"),
    ],
)
def test_a_setting_that_cannot_be_used_is_refused_by_name(tmp_path, text, said):
    with pytest.raises(WrongSetting, match=r"\S") as refused:
        load(config(tmp_path, text))
    assert said in str(refused.value)


def test_a_configuration_file_that_is_missing_is_refused():
    with pytest.raises(WrongSetting, match=r"cannot read the configuration file nowhere\.toml"):
        load({"OPENBOURSE_CONFIG": "nowhere.toml"})
